// The tree is the architecture, so a machine reads it: who imports whom, sizes, names, tests that
// mirror sources, things that must not occur. A rule that cannot hold yet reports its count instead
// of failing.
import { globSync } from 'node:fs';
import { posix } from 'node:path';
import test from 'ava';
import { exportsOf, findCycle, importsOf, withoutComments } from './architecture/imports.ts';
import {
  isGenerated,
  isProduct,
  isTest,
  isTypeScript,
  readSources,
  type SourceFile,
} from './architecture/sources.ts';
import { testGroups } from './setup/groups.ts';

const all = readSources();
const typescript = all.filter((file) => isTypeScript(file) && !isGenerated(file));
const product = typescript.filter(isProduct);
// The test of the import reader quotes imports; nothing in it is one.
const importing = all.filter((file) => isTypeScript(file) && !/imports\.test/.test(file.path));
const imports = new Map(importing.map((file) => [file.path, importsOf(file)]));
const importsIn = (file: SourceFile) => imports.get(file.path) ?? [];

/** Loads libtorch. */
const native = 'worker/tensor/native.ts';

/** Lines of one file; a file of C++ or CUDA may have as many as one of TypeScript. */
const size = { warn: 250, fail: 400, failTest: 600 };
/** Lines of a method: its entry in the contract and its file in the worker. */
const ofMethod = 320;
/**
 * Lines of one folder of kernels: contract, processor by instruction set, CUDA, gradient. Products
 * have ten inner loops.
 */
const kernelFolder = { fail: 1600, failProducts: 2500 };

test('arrows point only to crds, and the parts import no other part', (t) => {
  const forbidden = product.flatMap((file) => {
    const part = partOf(file.path);
    return importsIn(file)
      .filter(({ file: to }) => to !== undefined && ![part, 'crds'].includes(partOf(to)))
      .map(({ file: to }) => `${file.path} imports ${to}`);
  });
  t.deepEqual(forbidden, []);
});

test('crds imports no package but zod, and the few that its doors need', (t) => {
  const allowed: Readonly<Record<string, readonly string[]>> = {
    'crds/clock.ts': ['node:timers/promises'],
    'crds/wire/bus.ts': ['nats'],
    'crds/wire/bucket.ts': ['nats'],
    'crds/wire/connection.ts': ['nats'],
    'crds/wire/federation-arrange.ts': ['nats'],
    'crds/wire/federation-link.ts': ['nats'],
    'crds/crd/print-crd.ts': ['yaml', 'node:fs', 'node:fs/promises', 'node:path', 'node:url'],
    'crds/explain/print-reference.ts': ['node:fs'],
    'crds/trace/exporter.ts': [
      ...['@opentelemetry/exporter-trace-otlp-proto', '@opentelemetry/resources'],
      ...['@opentelemetry/sdk-trace', 'node:timers/promises'],
    ],
  };
  const everywhere = ['zod', 'yaml', 'canonicalize', 'node:crypto', 'node:util'];
  const forbidden = product
    .filter(({ path }) => path.startsWith('crds/'))
    .flatMap((file) =>
      importsIn(file)
        .filter(({ file: to }) => to === undefined)
        .filter(({ specifier }) => !everywhere.includes(specifier))
        .filter(({ specifier }) => !allowed[file.path]?.includes(specifier))
        .map(({ specifier }) => `${file.path} imports ${specifier}`),
    );
  t.deepEqual(forbidden, []);
});

test('no file imports itself through others', (t) => {
  const edges = new Map(
    [...imports].map(([path, list]) => [
      path,
      list.filter(({ typeOnly }) => !typeOnly).flatMap(({ file }) => (file ? [file] : [])),
    ]),
  );
  t.is(findCycle(edges)?.join(' → '), undefined);
});

for (const part of ['crds', 'operator', 'worker', 'cli']) {
  test(`no folder of ${part} imports values of itself through other folders`, (t) => {
    const folderOf = (path: string) => posix.dirname(path);
    const edges = new Map<string, string[]>();
    for (const [path, list] of imports) {
      if (partOf(path) !== part) continue;
      const from = folderOf(path);
      const others = list
        .filter(({ typeOnly }) => !typeOnly)
        .flatMap(({ file }) => (file === undefined ? [] : [folderOf(file)]))
        .filter((to) => to !== from && partOf(to) === part);
      edges.set(from, [...(edges.get(from) ?? []), ...others]);
    }
    t.is(findCycle(edges)?.join(' → '), undefined);
  });
}

test('only a command loads a screen, on demand; reducers know none, not even its types', (t) => {
  const screens = /^cli\/(screens|components)\//;
  const wrong = product
    .filter(({ path }) => path.startsWith('cli/') && !screens.test(path))
    .flatMap((file) =>
      importsIn(file)
        .filter(({ file: to }) => to !== undefined && screens.test(to))
        .filter(({ typeOnly }) => !typeOnly || !file.path.startsWith('cli/commands/'))
        .map(({ file: to }) => `${file.path} imports ${to}`),
    );
  t.deepEqual(wrong, []);
});

/** How the first of these files loads another, by its imports of values; empty where none does. */
function wayTo(to: string, from: readonly string[]): readonly string[] {
  const loadedBy = new Map<string, string | null>(from.map((path) => [path, null]));
  for (const path of loadedBy.keys()) {
    for (const { file, typeOnly } of imports.get(path) ?? []) {
      if (file !== undefined && !typeOnly && !loadedBy.has(file)) loadedBy.set(file, path);
    }
  }
  const way: string[] = [];
  let at: string | null | undefined = loadedBy.has(to) ? to : null;
  for (; at; at = loadedBy.get(at)) way.unshift(at);
  return way;
}

test('a supervisor loads no tensors: libtorch would take 100 MiB of each pod', (t) => {
  t.deepEqual(wayTo(native, ['worker/supervisor/pod.ts']), []);
  t.not(wayTo('worker/supervisor/supervisor.ts', ['worker/supervisor/pod.ts']).length, 0);
});

test('npm run check loads no tensors: it runs before anything was compiled', (t) => {
  const patterns = testGroups.find(({ name }) => name === 'unit')?.patterns ?? [];
  const unit = globSync([...patterns]);
  t.true(unit.length > 300, `${unit.length} files`);
  t.deepEqual(wayTo(native, unit), []);
});

test('relative imports name a file that is there, with its extension', (t) => {
  const paths = new Set(all.map(({ path }) => path));
  const wrong = typescript.flatMap((file) =>
    importsIn(file)
      .filter(({ file: to }) => to !== undefined && !paths.has(to))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );
  t.deepEqual(wrong, []);
});

test('files stay small enough to read in one sitting', (t) => {
  const limit = (file: SourceFile) => (isTest(file) ? size.failTest : size.fail);
  const sized = typescript.filter((file) => file.lines > size.warn && !isTest(file));
  for (const { path, lines } of sized) t.log(`${path} has ${lines} lines; aim for ${size.warn}`);
  t.deepEqual(
    typescript
      .filter((file) => file.lines > limit(file))
      .map(({ path, lines }) => `${path} ${lines}`),
    [],
  );
});

test('a method is an entry and a file that are read together', (t) => {
  const linesOf = new Map(product.map(({ path, lines }) => [path, lines]));
  const large = product.flatMap(({ path, lines }) => {
    const [, name] = /^worker\/methods\/\w+\/([\w-]+)\.ts$/.exec(path) ?? [];
    const entry = linesOf.get(`crds/methods/${name}.ts`);
    return entry === undefined || entry + lines <= ofMethod ? [] : [`${name} ${entry + lines}`];
  });
  t.deepEqual(large, []);
});

test('names say what a thing is: kebab-case, and no drawer for everything', (t) => {
  const drawer = /^(utils?|helpers?|common|types|managers?|misc)$/;
  const kebab = /^\.?[a-z0-9]+(-[a-z0-9]+)*$/;
  const wrong = typescript.filter(({ path }) => {
    const steps = path.replace(/(\.(test|generated|bench|list|d))?\.tsx?$/, '').split('/');
    return steps.some((step) => drawer.test(step) || !kebab.test(step));
  });
  t.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test('each source has its mirror in test/, or is a part of a file that a test imports', (t) => {
  const paths = new Set(all.map(({ path }) => path));
  const tested = new Set(
    typescript.filter(isTest).flatMap((file) => importsIn(file).map(({ file: to }) => to)),
  );
  const hasMirror = ({ path }: SourceFile) => {
    const stem = path.replace(/\.tsx?$/, '');
    return ['ts', 'tsx'].some((end) => paths.has(`test/${stem}.test.${end}`));
  };
  const covered = product.filter((file) => hasMirror(file) || tested.has(file.path));
  const parts = new Set(covered.flatMap((file) => reachableBeside(file.path)));
  const bare = product.filter((file) => needsTest(file) && !parts.has(file.path));
  for (const part of ['operator', 'worker', 'cli']) {
    const count = bare.filter(({ path }) => partOf(path) === part).length;
    if (count > 0) t.log(`${count} files of ${part} are imported by no test`);
  }
  t.deepEqual(
    bare.filter(({ path }) => partOf(path) === 'crds').map(({ path }) => path),
    [],
  );
});

test('time, chance and the environment come in as arguments', (t) => {
  const ambient =
    /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bprocess\.env\b|\bperformance\.now\(/;
  const doors = /(^|\/)(main|config|clock|random)\.ts$|-main\.ts$|^cli\/(setup|dev)\//;
  t.deepEqual(
    linesWith(product, ambient, ({ path }) => !doors.test(path)),
    [],
  );
});

test('tests wait for events, not for time', (t) => {
  const slow = /^test\/(wire|terminal|cluster|losses|e2e|pods|bench|fuzz|setup|doubles)\//;
  const tests = typescript.filter((file) => isTest(file) && !slow.test(file.path));
  const sleeps = /\bsetTimeout\(|timers\/promises'/;
  t.deepEqual(
    linesWith(tests, sleeps, ({ path }) => !path.startsWith('test/architecture')),
    [],
  );
});

test('an export is imported by someone, or it is not exported', (t) => {
  const used = new Set<string>();
  for (const list of imports.values()) {
    for (const { file, names } of list) for (const name of names) used.add(`${file} ${name}`);
  }
  const doors = /(^|\/)(index|main|config)\.ts$|-main\.ts$/;
  const unused = product
    .filter(({ path }) => !doors.test(path))
    .filter(({ path }) => !used.has(`${path} *`))
    .flatMap((file) =>
      exportsOf(file)
        .filter((name) => !used.has(`${file.path} ${name}`))
        .map((name) => `${file.path} exports ${name}`),
    );
  t.deepEqual(unused, []);
});

test('a TODO names an issue', (t) => {
  const bare = /\b(TODO|FIXME|XXX)\b(?!\(#\d+\))/;
  const files = all.filter((file) => /\.(ts|tsx|mjs|cc|h|cu|cuh|yaml|sh)$/.test(file.path));
  t.deepEqual(
    linesWith(files, bare, ({ path }) => !/^test\/(architecture|report)/.test(path)),
    [],
  );
});

test('a generated file says in its first lines how it is made', (t) => {
  const generated = all.filter(isGenerated).filter(({ path }) => /\.(ts|cc|h|cu)$/.test(path));
  const silent = generated.filter(
    ({ text }) => !/(node|npm|npx) [\w./-]+/.test(text.split('\n').slice(0, 5).join('\n')),
  );
  t.deepEqual(
    silent.map(({ path }) => path),
    [],
  );
});

test('no file names a folder of one machine or the host of a package registry', (t) => {
  // Spelled in pieces, or this file would be the first to be found.
  const hosts = ['registry.npm' + 'js', 'pypi.' + 'org', 'pythonhosted.' + 'org', 'crates.' + 'io'];
  const folders = ['/wo' + 'rk/', '/ro' + 'ot/', '/ho' + 'me/', '"/tm' + 'p/', "'/tm" + 'p/'];
  const found = [...hosts, ...folders].flatMap((text) =>
    all.filter((file) => file.text.includes(text)).map(({ path }) => `${path} names ${text}`),
  );
  t.deepEqual(found, []);
});

test('a file of C++ or CUDA, and a kernel as a whole, can be read in one sitting', (t) => {
  const files = all.filter((file) => isCpp(file) && !isGenerated(file));
  const long = files.filter(({ lines }) => lines > size.fail);
  const folders = Map.groupBy(files, ({ path }) => posix.dirname(path));
  const large = [...folders].filter(([path, inside]) => {
    const limit = path.endsWith('/gemm') ? kernelFolder.failProducts : kernelFolder.fail;
    return path.includes('/kernels/') && sum(inside) > limit;
  });
  t.deepEqual(
    long.map(({ path, lines }) => `${path} ${lines}`),
    [],
  );
  t.deepEqual(
    large.map(([path, inside]) => `${path} ${sum(inside)}`),
    [],
  );
  t.log(`${sum(product)} lines of TypeScript, ${sum(files)} of C++ and CUDA`);
});

function partOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** The file and what it is made of: the files beside or below it that it imports, and theirs. */
function reachableBeside(from: string): readonly string[] {
  const folder = posix.dirname(from);
  const found = new Set([from]);
  for (const path of found) {
    for (const { file } of imports.get(path) ?? []) {
      if (file !== undefined && posix.dirname(file).startsWith(folder)) found.add(file);
    }
  }
  return [...found];
}

/** C++ and CUDA, those of tests too. */
function isCpp({ path }: SourceFile): boolean {
  return /\.(cc|h|cu|cuh)$/.test(path);
}

function sum(files: readonly SourceFile[]): number {
  return files.reduce((total, { lines }) => total + lines, 0);
}

/** Files that only declare, and the doors of processes, are tested through what they lead to. */
function needsTest(file: SourceFile): boolean {
  const { path, text } = file;
  if (/(^|\/)(index|main)\.ts$|-main\.ts$|\.d\.ts$/.test(path)) return false;
  const code = withoutComments(text).replace(/^\s*\/\/.*$/gm, '');
  return /=>|\bfunction\b|\bclass\b/.test(code) && posix.basename(path) !== 'bootstrap.mjs';
}

function linesWith(
  files: readonly SourceFile[],
  pattern: RegExp,
  counts: (file: SourceFile) => boolean,
): readonly string[] {
  return files.filter(counts).flatMap(({ path, text }) =>
    withoutComments(text)
      .split('\n')
      .map((line, index) => ({ line, at: `${path}:${index + 1}` }))
      .filter(({ line }) => pattern.test(line.replace(/(^|\s)\/\/ .*$/, '')))
      .map(({ line, at }) => `${at} ${line.trim()}`),
  );
}
