# With all its arguments, and with where to find ascribe.
cat > program <<"END"
#!/bin/sh
printf "<%s>\n" "$@" && test -x "$ASCRIBE_PROGRAM" && echo "ascribe is there"
exit 65
END
chmod +x program
ASCRIBE_REPORT=./program "$ASCRIBE" report "a b" --help --force
