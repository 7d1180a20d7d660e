mkdir folder && touch file.h5
cat > try <<'END'
eval "$("$ASCRIBE" completion bash)"
compopt() { :; } # which works only while bash itself completes
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _ascribe; echo "${*:2}: ${COMPREPLY[*]}"; }
try ascribe ex
try ascribe explain --dry
try ascribe explain --step
try ascribe explain --color ''
try ascribe explain --color = al
try ascribe explain --progress =
try ascribe explain --model fo
try ascribe explain --data fi
try ascribe explain --seed ''
try ascribe verify fi
try ascribe devices -
END
bash try
