"""What else an nginx configuration says of a proxied stream: directives that are not modelled.

Of every directive in effect at a location those are left out that cannot touch a proxied response:
logging, files, TLS, request bodies, other handlers, definitions of zones and variables. What is
left is named, also what nobody here has heard of, such as directives of third-party modules.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.products.nginx_directives import Directive, Line
from harness.products.nginx_inherit import KNOWN, RESOLVED, in_effect
from harness.products.nginx_route import PROXY, Route

# Not inherited, and run at each level a request passes: those of the server, then the location's.
_REWRITING: Final = ("if", "rewrite")

_WITHOUT_EFFECT = re.compile(
    # logging and files
    r"access_log|error_log|log_.*|open_log_file_cache|open_file_cache.*|root|alias|index|autoindex.*"
    r"|random_index|try_files|etag|if_modified_since|sendfile.*|aio.*|directio.*|output_buffers"
    r"|read_ahead|disable_symlinks|gzip_static|brotli_static|min_delete_depth|max_ranges|recursive_.*"
    # structure, types and definitions
    r"|location|server|listen|server_name.*|include|upstream|types.*|default_type|map.*|geo.*|set.*"
    r"|split_clients|break|internal|limit_.*_zone|.*_cache_path|.*_temp_path|variables_hash_.*"
    r"|keyval.*|js_(import|path|var|set|shared.*)|lua_.*|init_.*|perl_(modules|require|set)"
    # who may ask, and how requests are read
    r"|allow|deny|satisfy.*|auth_.*|client_.*|large_client_header_buffers|connection_pool_size"
    r"|request_pool_size|ignore_invalid_headers|underscores_in_headers|merge_slashes|real_ip_.*"
    r"|secure_link.*|valid_referers|referer_.*|resolver.*|mirror.*|limit_(req|conn)_(log|dry|status).*"
    r"|proxy_request_buffering|proxy_pass_request_body"
    # TLS, protocols and connections beside the response
    r"|ssl.*|http2.*|http3.*|quic.*|keepalive_(requests|time|disable|min_timeout)|lingering_.*"
    r"|tcp_nopush|send_lowat|server_tokens|msie_.*|absolute_redirect|port_in_redirect"
    r"|proxy_ssl_.*|proxy_bind|proxy_socket_.*|proxy_headers_hash_.*|proxy_send_lowat"
    r"|proxy_temp_file_write_size|proxy_redirect|proxy_store_access"
    # other handlers
    r"|(fastcgi|uwsgi|scgi|grpc|memcached|tunnel)_.*|stub_status|status.*|dav_.*|create_full_put_path"
    r"|mp4.*|flv|hls.*|empty_gif|api|health_check.*|match|zone.*|subrequest_output_buffer_size"
)
_OF_CACHE = re.compile(r"proxy_(cache_.*|no_cache)")
_OF_NGINX = re.compile(r"proxy_(?!set_body)|gzip|add_header|keepalive_|send_timeout|chunked_")
_OF_GZIP = re.compile(r"gzip_(?!static).*|postpone_gzipping")

_WHY: Final[Mapping[str, str]] = {
    "if": "under a condition, which is not evaluated",
    "limit_except": "treats other methods otherwise",
    "brotli": "compresses the body",
    "zstd": "compresses the body",
    "rewrite": "changes the URI, and with it perhaps the location",
    "limit_rate": "slows the response down",
    "limit_rate_after": "when the response is slowed down",
    "limit_conn": "how many connections there may be at once",
    "limit_req": "delays or refuses requests",
    "postpone_output": "holds the response back until there are so many bytes",
    "reset_timedout_connection": "a timeout ends the connection with a reset",
    "tcp_nodelay": "whether small writes leave at once",
    "error_page": "another answer in place of nginx's own errors",
    "expires": "sets Expires and Cache-Control",
    "add_trailer": "adds a trailer",
    "charset": "changes Content-Type",
    "sub_filter": "rewrites the body",
    "gunzip": "decompresses the body",
    "proxy_busy_buffers_size": "how much may be on its way to the client at once",
    "proxy_max_temp_file_size": "how much a slow client may leave on disk",
    "proxy_limit_rate": "reads slowly from upstream",
    "proxy_intercept_errors": "upstream's errors are answered by error_page",
    "proxy_next_upstream": "which failures are tried again",
    "proxy_pass_request_headers": "whether upstream sees request headers such as Last-Event-ID",
    "proxy_method": "upstream sees another method",
    "proxy_set_body": "upstream sees another body",
    "proxy_store": "writes responses to files",
    "proxy_cache_bypass": "when the cache is not asked",
    "proxy_no_cache": "when nothing is stored in the cache",
    "proxy_cache_key": "which requests share a response of the cache",
    "proxy_cache_use_stale": "when an old response of the cache will do",
}
_UNSHOWN: Final = frozenset(("proxy_set_body", "sub_filter"))


@dataclass(frozen=True, slots=True)
class Unmodelled:
    """A directive in effect that the model of nginx knows nothing of.

    Args:
        text: As it is written, without its block, nor anything that may be a secret.
        place: Where.
        why: What it does to a response; "" where that is not known here.
    """

    text: str
    place: Line
    why: str

    def __str__(self) -> str:
        return f"{self.text} ({self.place})" + (f": {self.why}" if self.why else "")


def unmodelled(
    route: Route, modelled: Collection[str], inert: Collection[Directive] = ()
) -> tuple[Unmodelled, ...]:
    """The directives in effect that may touch the response and are not modelled, by place.

    Args:
        route: How a request comes there.
        modelled: The directives that are.
        inert: Lines that do nothing for a stream.
    """
    found = [
        _named(it)
        for it in _in_effect(route, modelled)
        if _is_touching(route, it) and not any(it is one for one in inert)
    ]
    return tuple(sorted(found, key=lambda it: (it.place.file, it.place.line)))


def _in_effect(route: Route, modelled: Collection[str]) -> Iterator[Directive]:
    names = dict.fromkeys(it.name for level in route.levels for it in level.block or ())
    for name in names:
        if name in _REWRITING:
            for level in (route.server, route.location.directive):
                yield from level.having(name)
        elif name not in modelled and name not in RESOLVED and name != PROXY:
            yield from in_effect(route.levels, name)


def _is_touching(route: Route, directive: Directive) -> bool:
    name = directive.name
    if _OF_GZIP.fullmatch(name):
        return _is_compressing(route)
    if name in KNOWN:
        return True
    if _WITHOUT_EFFECT.fullmatch(name):
        return False
    if name == "if":
        inside = directive.block or ()
        return any(it.name in (PROXY, "return") or _is_touching(route, it) for it in inside)
    if name == "rewrite":
        return directive.args[-1:] != ("break",)  # stays in the location, upstream sees another URI
    if _OF_CACHE.fullmatch(name):
        return any(it.args != ("off",) for it in in_effect(route.levels, "proxy_cache"))
    if name == "tcp_nodelay":
        return directive.args == ("off",)  # on is the default
    return True


def _is_compressing(route: Route) -> bool:
    types = {arg for it in in_effect(route.levels, "gzip_types") for arg in it.args}
    is_on = any(it.args == ("on",) for it in in_effect(route.levels, "gzip"))
    return is_on and bool(types & {"*", "text/event-stream"})


def _named(directive: Directive) -> Unmodelled:
    name = directive.name
    if name == "if":
        # What a variable is compared with may be a secret.
        text = f"if {directive.args[0]} …)" if directive.args[1:] else str(directive)
    elif name in _WHY.keys() - _UNSHOWN or _OF_NGINX.match(name):
        text = directive.without_secrets()
    else:
        text = name  # a module nobody here has heard of may be told a secret
    return Unmodelled(text, directive.line, _WHY.get(name, ""))
