/**
 * What runs came to: a line of JSON each in a file that grows, so that a benchmark that was cut off
 * goes on where it was.
 */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ZodType } from 'zod';
import type { JobDocument } from './run-document.ts';

/** Of the job's file: what is asked otherwise is another run. */
export function digestOf(document: JobDocument): string {
  return createHash('sha256').update(JSON.stringify(document)).digest('hex').slice(0, 16);
}

export class Outcomes<One extends { readonly digest: string }> {
  readonly #file: string;
  readonly #schema: ZodType<One>;

  constructor(file: string, schema: ZodType<One>) {
    this.#file = file;
    this.#schema = schema;
  }

  /** Nothing where there is no file; a last line that was cut off counts as not there. */
  async read(): Promise<readonly One[]> {
    const text = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => this.#schema.parse(JSON.parse(line)));
  }

  async has(digest: string): Promise<boolean> {
    return (await this.read()).some((one) => one.digest === digest);
  }

  async add(one: One): Promise<void> {
    await mkdir(dirname(this.#file), { recursive: true });
    await appendFile(this.#file, `${JSON.stringify(one)}\n`);
  }
}
