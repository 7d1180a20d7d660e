# needs: demo/model prepare
"$ASCRIBE" explain --model "$DATA/demo/model" --text "$(printf 'a \033[31mgood\033]0;x\007 film')" > shown || exit
tr -d '\n' < shown | tr '\000-\037' '!' | grep -c '!'
"$ASCRIBE" explain --model "$DATA/demo/model" --text "$(printf 'a \033[31mgood\t"film"')" --json |
    python3 -c 'import json, sys; print(ascii(json.load(sys.stdin)["text"]))'
