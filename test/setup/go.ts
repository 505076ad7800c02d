/** The Go compiler, for programs that tests build from their source. */
import type { Setup } from '../../cli/setup/setup.ts';
import { TerminalError } from '../../crds/failures/errors.ts';

interface Call {
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** What is built. */
  readonly what: string;
  /** Where there is no Go: what needs it, and a way around. */
  readonly needs: string;
  readonly hint: string;
}

/** What it prints. */
export async function runGo({ machine, signal }: Setup, call: Call): Promise<string> {
  const { args, what, needs, hint, ...options } = call;
  const ran = await machine.run('go', args, { ...options, signal });
  if (ran.kind === 'ended' && ran.ok) return ran.stdout;
  if (ran.kind === 'missing') {
    const message = `go is not on the PATH; ${needs}, built from its source`;
    throw new TerminalError({ code: 'E_SETUP', message, hint });
  }
  throw new TerminalError({
    code: 'E_SETUP',
    message: `${what} was not built: ${ran.stderr.trim().split('\n').at(-1) ?? ''}`,
    hint: 'check the connection to the Go module proxy (go env GOPROXY), then run the tests again',
  });
}
