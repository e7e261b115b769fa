"""Files and programs outside: what is written whole or not at all, what is read with care."""
