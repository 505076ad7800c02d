// Pages say what is true: links lead somewhere, commands and flags exist, job files are accepted,
// names are names.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { createProgram } from '../../cli/program.ts';
import { incompatibilities } from '../../crds/combinations/compatibility.ts';
import { allPaths, explainField } from '../../crds/explain/explain.ts';
import { failures } from '../../crds/failures/table.ts';
import { formatProblems, parseManifest } from '../../crds/manifest/manifest.ts';
import { detectShape } from '../../worker/data/detect.ts';
import { toSample } from '../../worker/data/formats.ts';
import { root } from '../architecture/sources.ts';
import { anchorsIn, blocksIn, codeIn, type Found, linksIn, pages } from './pages.ts';

const all = pages();
const code = all.flatMap(codeIn);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

test('every link leads to a file of the project, and to a heading that is there', (t) => {
  const wrong = all.flatMap(linksIn).filter(({ text }) => {
    const [path = '', anchor] = text.split('#');
    if (!exists(path)) return true;
    const page = all.find((each) => each.path === path);
    return anchor !== undefined && (page === undefined || !anchorsIn(page).includes(anchor));
  });
  t.deepEqual(wrong, []);
  t.true(all.flatMap(linksIn).length > 20);
});

test('every anneal command on a page exists, with its flags', (t) => {
  const surroundings = { variables: {}, out: () => {}, err: () => {} };
  const { commands, options } = createProgram(surroundings, async () => {});
  const flagsOf = (name: string) => {
    const command = commands.find((each) => each.name() === name);
    const known = [...(command?.options ?? []), ...options];
    return ['--help', '-h', ...known.flatMap(({ long, short }) => [long, short])];
  };
  const said = code
    .map(({ at, text }) => ({ at, text: text.replace(/^npx /, '') }))
    .filter(({ text }) => /^(anneal|npm run anneal --) /.test(text));
  const wrong = said.filter(({ text }) => {
    const [name = '', ...words] = text.replace(/^(anneal|npm run anneal --) /, '').split(/\s+/);
    // A name in capitals stands for any; so do three dots.
    if (/^([A-Z]+|…)$/.test(name)) return false;
    if (name.startsWith('-')) return !flagsOf('').includes(name);
    if (!commands.some((command) => command.name() === name)) return true;
    const flags = words.filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.split('=')[0]);
    return flags.some((flag) => !flagsOf(name).includes(flag));
  });
  t.deepEqual(wrong, []);
  t.true(said.length > 20);
});

test('every npm command on a page names a script', (t) => {
  const wrong = code.filter(({ text }) => {
    const [, script] = /^npm run (?:-s )?([\w:-]+)/.exec(text) ?? [];
    const [, short] = /^npm (start|test)\b/.exec(text) ?? [];
    return [script, short].some((name) => name !== undefined && !(name in manifest.scripts));
  });
  t.deepEqual(wrong, []);
});

test('every job file on a page is accepted, on this machine or on a cluster', (t) => {
  const jobs = all
    .flatMap(blocksIn)
    .filter(({ language }) => language === 'yaml')
    .map(({ at, lines }) => ({ at, text: lines.map(({ text }) => text).join('\n') }))
    .filter(({ text }) => /^kind: FineTuneJob$/m.test(text));
  for (const { at, text } of jobs) {
    const parsed = parseManifest(text, at);
    t.true(parsed.ok, parsed.ok ? at : formatProblems(parsed.problems));
    for (const { job } of parsed.ok ? parsed.jobs : []) {
      t.deepEqual(incompatibilities(job.spec, 'anywhere'), [], at);
    }
  }
  t.true(jobs.length > 0);
});

function formatOf(record: object) {
  if (!('label' in record)) return 'Auto';
  return 'image' in record ? 'ImageClassification' : 'TextClassification';
}

test('every record that docs/formats.md shows is read, each in a shape of its own', (t) => {
  const page = all.filter(({ path }) => path === 'docs/formats.md');
  const records = page
    .flatMap(blocksIn)
    .filter(({ language }) => language === 'json')
    .map(({ lines }) => JSON.parse(lines.map(({ text }) => text).join('\n')));
  const shapes = records.map((record) => detectShape([record], formatOf(record)));
  t.is(new Set(shapes.map(({ name }) => name)).size, records.length);
  for (const [index, shape] of shapes.entries()) {
    t.notThrows(() => toSample(shape, records[index], true), shape.name);
  }
  t.true(records.length > 5);
});

test('every field of a job, failure and file that a page names is one', (t) => {
  const wrong = code.filter(({ text }) => {
    if (/^spec\.[\w.[\]*]+$/.test(text)) return explainField(text) === undefined;
    if (/^E_[A-Z_]+$/.test(text)) return !Object.hasOwn(failures, text);
    // a/b/c stands for any file.
    if (/^(crds|cli|worker|operator|test|docs|charts)\/(?!a\/b\/)[\w./-]+$/.test(text))
      return !exists(text);
    return false;
  });
  t.deepEqual(wrong, []);
});

test('a default that a page says beside a field of a job is that of the field', (t) => {
  const beside = /`(?:[\w.]+\.)?(\w+)`[^`()|]{0,40}\(default:? (\d+)/g;
  const said = all.flatMap(({ path, text }) =>
    [...text.matchAll(beside)].map(([, name = '', value]) => ({ path, name, value })),
  );
  const wrong = said.filter(({ name, value }) => {
    const fields = allPaths().filter((path) => path.endsWith(`.${name}`));
    return !fields.some((path) => String(explainField(path)?.default) === value);
  });
  t.deepEqual(wrong, []);
  t.true(said.length > 2);
});

test('every page of docs/ can be reached from README.md', (t) => {
  const reached = new Set(['README.md']);
  for (const path of reached) {
    const page = all.find((each) => each.path === path);
    for (const { text } of page === undefined ? [] : linksIn(page)) {
      reached.add(text.split('#')[0] ?? '');
    }
  }
  const lost = all.map(({ path }) => path).filter((path) => path.startsWith('docs/'));
  t.deepEqual(
    lost.filter((path) => !reached.has(path)),
    [],
  );
});

test('a page is read by its rules: what is wrong in a made-up one is found', (t) => {
  const text = '# A page\n\n[x](other.md#a-b) `anneal rnu` \n\n```sh\nnpm run nothing\n```\n';
  const page = { path: 'docs/made-up.md', text, lines: 7 };
  const texts = (found: readonly Found[]) => found.map(({ text: each }) => each);
  t.deepEqual(texts(linksIn(page)), ['docs/other.md#a-b']);
  t.deepEqual(texts(codeIn(page)), ['anneal rnu', 'npm run nothing']);
  t.deepEqual(anchorsIn(page), ['a-page']);
});

function exists(path: string): boolean {
  return existsSync(join(root, path)) || built.test(path);
}

/** Made by a build, so git does not know them. */
const built = /^worker\/native\/dist(\/|$)/;
