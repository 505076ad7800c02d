// Candidates that are finished, in a file that grows by a line for each batch. A line has the
// digest of all before it, so what a kill cut off, or something else changed, is made again.
import { open } from 'node:fs/promises';
import { digestOf } from '../../crds/plan/digest.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { type Candidate, type CandidateLine, candidateLine } from '../../crds/wire/transfer.ts';

/** Of a log: a prompt and its answer have some kilobytes. */
const mostBytes = 2 ** 31;

export class CandidateLog implements AsyncDisposable {
  readonly #handle: Awaited<ReturnType<typeof open>>;
  readonly #candidates: Candidate[];
  #digest: string;

  /** `inputs`: the digest of all that decides the candidates. */
  static async open(path: string, inputs: string): Promise<CandidateLog> {
    const handle = await open(path, 'a+');
    const { size } = await handle.stat();
    const text = Buffer.alloc(Math.min(size, mostBytes));
    await handle.read(text, 0, text.length, 0);
    const candidates: Candidate[] = [];
    let digest = inputs;
    let bytes = 0;
    for (let end = text.indexOf(lineEnd); end >= 0; end = text.indexOf(lineEnd, bytes)) {
      const line = lineOf(text.subarray(bytes, end));
      if (line?.first !== candidates.length || line.digest !== after(digest, line)) break;
      candidates.push(...line.candidates);
      digest = line.digest;
      bytes = end + 1;
    }
    if (bytes < size) await handle.truncate(bytes);
    return new CandidateLog(handle, candidates, digest);
  }

  private constructor(
    handle: Awaited<ReturnType<typeof open>>,
    candidates: Candidate[],
    digest: string,
  ) {
    this.#handle = handle;
    this.#candidates = candidates;
    this.#digest = digest;
  }

  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  /** Counts once it is on the disk. */
  async append(candidates: readonly Candidate[]): Promise<void> {
    const line = { first: this.#candidates.length, candidates: [...candidates] };
    const digest = after(this.#digest, line);
    await this.#handle.appendFile(`${JSON.stringify({ ...line, digest })}\n`);
    await this.#handle.sync();
    this.#candidates.push(...candidates);
    this.#digest = digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

const lineEnd = 10;

function after(digest: string, { first, candidates }: Omit<CandidateLine, 'digest'>): string {
  return digestOf({ digest, first, candidates });
}

function lineOf(bytes: Buffer): CandidateLine | undefined {
  try {
    return candidateLine.parse(parseJson(bytes, jsonLimits.record));
  } catch {
    // A line that was cut off, or that is none.
    return undefined;
  }
}
