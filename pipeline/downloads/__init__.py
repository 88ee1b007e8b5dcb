"""`ser fetch`: corpora as their hosts give them, downloaded, checked and unpacked."""
