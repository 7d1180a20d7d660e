"$ASCRIBE" show --row x 2>/dev/null | wc -c | tr -d " "
