"""Where results are kept: joblib's store on the disk, one bounded memory, bundles in one file, and what lies there."""
