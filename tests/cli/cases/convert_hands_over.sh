cat > program <<"END"
#!/bin/sh
printf "<%s>\n" "$@"
exit 65
END
chmod +x program
ASCRIBE_CONVERT=./program "$ASCRIBE" convert "a b" --help --force
