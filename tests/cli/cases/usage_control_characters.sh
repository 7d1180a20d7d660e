"$ASCRIBE" "$(printf 'a\033[31mb')" 2> message
code=$?
tr '\033' '!' < message
exit $code
