"""The judge: pure checks over one case's journal, and the rules that merge what they find."""
