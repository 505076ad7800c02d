import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import test from 'ava';
import { run } from '../../cli/program.ts';
import { measuredOf } from '../../crds/explain/measured.ts';

/** Runs a command line in this process: what it answers, says and exits with. */
async function anneal(...words: readonly string[]) {
  let out = '';
  let err = '';
  const code = await run(['node', 'anneal', ...words], {
    variables: { ANNEAL_CACHE: join(import.meta.dirname, 'no-such-cache') },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

const commands = [
  ...['init', 'import', 'estimate', 'explain', 'submit', 'run', 'serve', 'sample', 'federate'],
  ...['transfer', 'generate'],
  ...['list', 'watch', 'get', 'describe', 'why', 'logs', 'metrics', 'compare', 'checkpoints'],
  ...['pause', 'resume', 'checkpoint', 'scale', 'cancel', 'delete'],
  ...['doctor', 'completion', 'version'],
];

test('help of every command is as it was agreed', async (t) => {
  t.snapshot((await anneal()).out, 'anneal');
  for (const name of commands) {
    const { code, out, err } = await anneal(name, '--help');
    t.is(code, 0);
    t.is(err, '');
    t.true(
      out.split('\n').every((line) => line.length <= 80),
      name,
    );
    t.snapshot(out, name);
  }
});

test('without a command the groups and three examples are printed, and that is no error', async (t) => {
  const { code, out, err } = await anneal();
  t.is(code, 0);
  t.is(err, '');
  for (const name of commands) t.regex(out, new RegExp(`^  ${name}(\\|\\w+)? `, 'm'));
  t.is(out.match(/^ {2}anneal \w+ /gm)?.length, 3);
});

/**
 * Packages that are loaded with a file: through what it imports and what that imports, but not
 * later, on demand.
 */
async function packagesOf(start: string): Promise<readonly string[]> {
  const files = new Set([start]);
  const packages = new Set<string>();
  for (const file of files) {
    const text = await readFile(join(import.meta.dirname, '../..', file), 'utf8');
    const loaded = text.matchAll(/^(?:import|export) (?!type\b)(?:[^;]*? from )?'([^']+)';/gms);
    for (const [, from = ''] of loaded) {
      if (from.startsWith('.')) files.add(posix.join(posix.dirname(file), from));
      else if (!from.startsWith('node:')) packages.add(from);
    }
  }
  return [...packages].sort();
}

test('the table of commands loads neither the schema library nor the screens', async (t) => {
  t.deepEqual(await packagesOf('cli/main.ts'), ['commander']);
});

test('version loads neither the screens nor the client of Kubernetes', async (t) => {
  const loaded = await packagesOf('cli/commands/version/run.ts');
  t.true(loaded.includes('zod'), loaded.join(', '));
  t.deepEqual(
    loaded.filter((name) => /^(ink|react|@kubernetes|nats)/.test(name)),
    [],
  );
});

const mistakes: readonly (readonly [words: string, code: number, said: string])[] = [
  ['rnu', 2, 'rnu is no command of anneal\nhint: did you mean anneal run?\n'],
  [
    'fine-tune-everything',
    2,
    'fine-tune-everything is no command of anneal\nhint: anneal lists all commands\n',
  ],
  ['run', 2, 'anneal run needs a FILE; none is given\nhint: anneal run --help\n'],
  [
    'federate a b',
    2,
    'anneal federate takes 1 argument; 2 are given\nhint: anneal federate --help\n',
  ],
  ['run a --thread 2', 2, '--thread is no option of anneal run\nhint: did you mean --threads?\n'],
  [
    'run a --threads',
    2,
    '--threads has no value; it takes one: --threads <n>\nhint: anneal run --help\n',
  ],
  [
    'run a --threads 0',
    2,
    '--threads is 0; it must be a whole number, 1 or more\nhint: anneal run --help\n',
  ],
  ['run a --volume demo', 2, '--volume is demo; it must be name=folder\nhint: anneal run --help\n'],
  [
    'run a --display big',
    2,
    '--display is big; it must be auto, tty, plain, json or quiet\nhint: anneal run --help\n',
  ],
  [
    'estimate a --gpu-memory lots',
    2,
    '--gpu-memory is lots; it must be an amount of memory such as 24Gi\nhint: anneal estimate --help\n',
  ],
  [
    'estimate a --what-if steps',
    2,
    '--what-if is steps; it must be path=value, such as training.maxSteps=100\nhint: anneal estimate --help\n',
  ],
  [
    'init --model a/b',
    2,
    'anneal init needs --data; it is not given\nhint: see anneal init --help; on a terminal anneal init asks for missing values\n',
  ],
  [
    'run no-such-job.yaml',
    3,
    'no-such-job.yaml does not exist\nhint: a job file is YAML; crds/examples has some to begin with\n',
  ],
  ['explain LoRRA', 2, '"LoRRA" is no field, method or failure\nhint: did you mean LoRA?\n'],
  [
    'explain trainig.epochs',
    2,
    '"trainig.epochs" is no field, method or failure\nhint: did you mean spec.training.epochs?\n',
  ],
];

for (const [words, code, said] of mistakes) {
  test(`anneal ${words}: one sentence, what to do, exit code ${code}`, async (t) => {
    const result = await anneal(...words.split(' '));
    t.is(result.err, said);
    t.is(result.code, code);
    t.is(result.out, '');
  });
}

test('control characters of a mistyped word do not reach the terminal', async (t) => {
  const { err } = await anneal('\u001b[2Jrun');
  t.false(err.includes('\u001b'));
});

test('version names the program, the jobs and Node.js, also for programs', async (t) => {
  const { out } = await anneal('version', '-o', 'json');
  const parsed = JSON.parse(out);
  t.is(parsed.apiVersion, 'cli.anneal.dev/v1');
  t.is(parsed.kind, 'Version');
  t.is(parsed.jobs, 'anneal.dev/v1alpha1');
  t.is(parsed.node, process.versions.node);
});

test('explain tells fields, methods and failures, and lists names without one', async (t) => {
  t.snapshot((await anneal('explain', 'LoRA')).out, 'method');
  t.snapshot((await anneal('explain', 'training.learningRate')).out, 'field');
  t.snapshot((await anneal('explain', 'model')).out, 'object');
  t.snapshot((await anneal('explain', 'E_DOES_NOT_FIT')).out, 'failure');
  const { out: adapters } = await anneal('explain', 'adapters');
  t.snapshot(adapters, 'adapters');
  t.true(adapters.split('\n').every((line) => line.length <= 80));
  t.snapshot((await anneal('explain', 'LaMDA')).out, 'method that was not measured');
  const [lora] = JSON.parse((await anneal('explain', 'LoRA', '-o', 'json')).out).methods;
  t.deepEqual(lora.measured, measuredOf('LoRA'));
  const goals = JSON.parse((await anneal('explain', 'adapters', '-o', 'json')).out).adapters;
  t.deepEqual(goals[0].choices[0].measured, measuredOf('LoRA'));
  t.is(
    (await anneal('explain', 'DoesNotFit')).out,
    (await anneal('explain', 'E_DOES_NOT_FIT')).out,
  );
  const names = (await anneal('explain')).out;
  for (const name of ['QLoRA', 'LoRA', 'Full']) if (name !== 'QLoRA') t.true(names.includes(name));
});
