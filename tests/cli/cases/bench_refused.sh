refused() {
    "$ASCRIBE" bench "$@"
    echo "exit $?" >&2
}
refused
refused --model m
refused --data d.h5 --shape minilm-l6
refused --model m --data d.h5 --length 32
refused --shape minilm-l6 --limit 3
refused --shape minilm
refused --shape minilm-l6 --length 2
refused --shape minilm-l6 --length 513
refused --shape minilm-l6 --length 10 --features 9
refused --shape minilm-l6 --seconds 0
refused --shape minilm-l6 --rows 0
refused --shape minilm-l6 --rows 65537
refused --shape minilm-l6 --budget few
refused --shape minilm-l6 --target label
refused --shape minilm-l6 --workers 5000
refused --shape minilm-l6 --savings=all
refused --model nowhere --data d.h5
