// Go's own server: one path flushes each event, the other leaves that to the response's buffer.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

func tell(flush bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache, no-transform")
		w.Header().Set("X-Accel-Buffering", "no")
		for n := 1; n <= 10; n++ {
			fmt.Fprintf(w, "data: %d\n\n", n)
			if flush {
				w.(http.Flusher).Flush()
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}
}

func main() {
	http.HandleFunc("/events", tell(true))
	http.HandleFunc("/unflushed", tell(false))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
