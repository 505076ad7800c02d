// A real terminal for tests: a pseudo-terminal with a program in it, and an emulator that says what
// a person would see.
import { type IPty, spawn } from '@lydell/node-pty';
import xterm from '@xterm/headless';

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export class Terminal implements Disposable {
  readonly #pty: IPty;
  readonly #screen: InstanceType<typeof xterm.Terminal>;
  readonly #ended: Promise<number>;
  #waiting: (() => void)[] = [];
  /** Everything that was written, with its escape sequences. */
  raw = '';
  /** When each picture of a screen began, in milliseconds: a synchronised update. */
  readonly pictures: number[] = [];

  constructor(file: string, args: readonly string[], options: TerminalOptions = {}) {
    const { columns: cols = 80, rows = 30, env = {} } = options;
    this.#screen = new xterm.Terminal({ cols, rows, scrollback: 1000, allowProposedApi: true });
    const variables = {
      PATH: process.env['PATH'] ?? '',
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
      ...env,
    };
    this.#pty = spawn(file, [...args], { cols, rows, env: variables });
    this.#ended = new Promise((resolve) => this.#pty.onExit(({ exitCode }) => resolve(exitCode)));
    this.#pty.onData((data) => {
      this.raw += data;
      const begun = data.split('\u001b[?2026h').length - 1;
      for (let picture = 0; picture < begun; picture++) this.pictures.push(performance.now());
      this.#screen.write(data, () => {
        for (const wake of this.#waiting.splice(0)) wake();
      });
    });
  }

  get pid(): number {
    return this.#pty.pid;
  }

  /** All lines, those that were scrolled away first. */
  lines(): readonly string[] {
    const { active } = this.#screen.buffer;
    const lines = Array.from(
      { length: active.length },
      (_, row) => active.getLine(row)?.translateToString(true) ?? '',
    );
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  get buffer(): 'normal' | 'alternate' {
    return this.#screen.buffer.active.type;
  }

  /** Until the screen shows it; the time limit of the test is the time limit of the wait. */
  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.lines().join('\n'))) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows);
    this.#pty.resize(columns, rows);
  }

  type(keys: string): void {
    this.#pty.write(keys);
  }

  /** Exit code, once everything that was written is on the screen. */
  async ended(): Promise<number> {
    const code = await this.#ended;
    await new Promise<void>((resolve) => this.#screen.write('', resolve));
    return code;
  }

  [Symbol.dispose](): void {
    this.#pty.kill();
    this.#screen.dispose();
  }
}
