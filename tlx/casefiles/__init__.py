"""Case files: read, written, built in, found by name; and the digests of all files a case depends on."""
