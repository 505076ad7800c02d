// Starts one target in a process of its own and gives back what it found; a finding is kept as a
// file that runs again.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Finding, Outcome } from './engine.ts';

export interface Report {
  readonly target: string;
  readonly seconds: number;
  readonly outcome: Outcome;
  /** Where the input of the finding lies. */
  readonly saved?: string;
}

export async function runTarget(
  target: string,
  seconds: number,
  seed: number,
  signal: AbortSignal,
): Promise<Report> {
  const scratch = mkdtempSync(join(tmpdir(), 'anneal-fuzz-'));
  try {
    const script = join(import.meta.dirname, 'process.ts');
    const child = execa(
      process.execPath,
      [
        ...['--permission', '--allow-fs-read=*', `--allow-fs-write=${join(scratch, 'input')}*`],
        ...['--allow-worker', '--allow-inspector', '--disable-warning=SecurityWarning'],
        ...[script, target, String(seconds), String(seed)],
      ],
      { cancelSignal: signal, env: { ANNEAL_FUZZ_SCRATCH: scratch }, stderr: 'inherit' },
    );
    // As many inputs as fit into the time: other tests, which wait for something to happen, go
    // first.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    const { stdout } = await child;
    const parsed = JSON.parse(stdout) as Omit<Outcome, 'finding'> & {
      readonly finding?: Omit<Finding, 'input'> & { readonly input: string };
    };
    const { finding } = parsed;
    if (!finding) return { target, seconds, outcome: { ...parsed, finding: undefined } };
    const input = Buffer.from(finding.input, 'base64');
    const outcome = { ...parsed, finding: { ...finding, input } };
    return { target, seconds, outcome, saved: save(target, input) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

export function inWords({ target, seconds, outcome, saved }: Report): string {
  const { runs, kept, functions, ended, finding } = outcome;
  const threads = ended > 0 ? `, ${ended} threads ended` : '';
  const line = `${target}: ${runs} inputs in ${seconds} s, ${kept} kept, ${functions} functions reached${threads}`;
  if (!finding) return line;
  return `${line}\n${finding.type}: ${finding.message}\nagain: npm run fuzz -- --target ${target} --input ${saved}`;
}

function save(target: string, input: Uint8Array): string {
  const folder = join(tmpdir(), 'anneal-fuzz-findings');
  mkdirSync(folder, { recursive: true });
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const path = join(folder, `${target.replaceAll('/', '-')}-${digest}`);
  writeFileSync(path, input);
  return path;
}
