"$ASCRIBE" frobnicate
