/** kubectl runs a program of this name to complete `kubectl anneal`. */
export const kubectlScriptName = 'kubectl_complete-anneal';

export const kubectlScript = `#!/bin/sh
# Completion of "kubectl anneal": put this on the PATH as ${kubectlScriptName}, beside kubectl-anneal.
exec anneal complete -- "$@"
`;
