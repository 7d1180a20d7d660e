printf '#!/bin/sh\necho "prepare says $1"\n' > program
chmod +x program
ASCRIBE_PREPARE=./program "$ASCRIBE" help prepare
