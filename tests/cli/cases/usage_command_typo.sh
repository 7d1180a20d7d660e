"$ASCRIBE" explian --model x
