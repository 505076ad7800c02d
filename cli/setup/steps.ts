/**
 * One line per step: what is fetched or built and its size at the start, the duration at the end. A
 * step without work prints nothing, so a warm start is silent. On a terminal the line also shows
 * progress.
 */
export interface Steps {
  /** Prints `name  text … `, runs the body, ends the line with the seconds it took. */
  step<T>(name: string, text: string, body: (progress: Progress) => Promise<T>): Promise<T>;
  /** Prints a separate line. */
  note(text: string): void;
}

export type Progress = (text: string) => void;

interface StepOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const nameWidth = 13;

export function createSteps(output: StepOutput, now: () => number): Steps {
  return {
    note: (text) => void output.write(`${text}\n`),
    async step(name, text, body) {
      const line = `${name.padEnd(nameWidth)} ${text} … `;
      const start = now();
      output.write(line);
      try {
        const result = await body((progress) => {
          if (output.isTTY) output.write(`\r\u001b[K${line}${progress}`);
        });
        const restart = output.isTTY ? `\r\u001b[K${line}` : '';
        output.write(`${restart}${seconds(now() - start)}\n`);
        return result;
      } catch (error) {
        output.write('\n');
        throw error;
      }
    },
  };
}

export function seconds(milliseconds: number): string {
  if (milliseconds < 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 1000)} s`;
}

/** Decimal units, as disk sizes are given. */
export function megabytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 10e6) return `${Math.round(bytes / 1e6)} MB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
