cat > program <<"END"
#!/bin/sh
printf "<%s>\n" "$@"
exit 65
END
chmod +x program
ASCRIBE_PREPARE=./program "$ASCRIBE" prepare "a b" --help --json -- -x
