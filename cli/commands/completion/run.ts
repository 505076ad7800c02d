// `anneal completion`: the script for a shell, and the completions that the script requests.
import type { Command } from 'commander';
import { type Lookup, suggest, suggestionsText } from '../../completion/suggest.ts';
import type { Surroundings } from '../../process/context.ts';
import type { Shell } from './command.ts';

export async function completionFromTerminal(
  shell: Shell,
  out: (text: string) => void,
): Promise<number> {
  if (shell === 'kubectl') {
    const { kubectlScript } = await import('../../completion/kubectl-script.ts');
    out(kubectlScript);
  } else {
    const { script } = await import('@bomb.sh/tab');
    script(shell, 'anneal', 'anneal');
  }
  return 0;
}

export async function completeWords(
  program: Command,
  words: readonly string[],
  { variables, out }: Pick<Surroundings, 'variables' | 'out'>,
): Promise<number> {
  // Completing a flag or a command reads no configuration.
  const lookup: Lookup = async (what) => {
    const { lookupIn } = await import('../../completion/lookup.ts');
    const { cliConfig } = await import('../../process/config.ts');
    return lookupIn(cliConfig(variables))(what);
  };
  out(suggestionsText(await suggest(program, words, lookup)));
  return 0;
}
