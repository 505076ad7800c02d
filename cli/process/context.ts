// What the caller gives a command: streams and variables. A command that shows jobs also gets the
// properties of the terminal, and ends by Ctrl-C.
import type { Output } from '../terminal/output.ts';
import type { CliConfig } from './config.ts';
import type { DisplayFlags } from './flags.ts';
import type { SourceFlags } from './source-flags.ts';

export interface Surroundings {
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Standard output: answers. */
  readonly out: (text: string) => void;
  /** Standard error: hints, warnings, errors. */
  readonly err: (text: string) => void;
}

/** An action returns its exit code (docs/reference/failures.md). */
export type Perform = (action: () => Promise<number>) => Promise<void>;

/** The context of commands that show jobs. */
export interface Viewing {
  readonly flags: SourceFlags;
  readonly config: CliConfig;
  readonly output: Output;
  readonly signal: AbortSignal;
}

export type ViewFlags = SourceFlags & Partial<DisplayFlags>;
type View = (viewing: Viewing) => Promise<number>;

/** Opens the source for a command that shows jobs, and turns Ctrl-C into an exit code. */
export async function display(
  flags: ViewFlags,
  surroundings: Surroundings,
  act: View,
): Promise<number> {
  const { cliConfig } = await import('./config.ts');
  const { outputOf } = await import('../terminal/output.ts');
  const { onInterrupt } = await import('./interrupts.ts');
  const config = cliConfig(surroundings.variables);
  using interrupts = onInterrupt();
  const { signal } = interrupts;
  try {
    const code = await act({
      flags,
      config,
      output: outputOf(config, flags, surroundings),
      signal,
    });
    return interrupts.code() ?? code;
  } catch (thrown) {
    const code = interrupts.code();
    if (code !== undefined) return code;
    throw thrown;
  }
}
