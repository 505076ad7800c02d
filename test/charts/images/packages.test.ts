import test from 'ava';
import {
  closureOf,
  isNeeded,
  type LockedPackages,
  packageOf,
} from '../../../charts/images/packages.ts';

const locked: LockedPackages = {
  '': {},
  'node_modules/a': { dependencies: { b: '^1', c: '^1' } },
  'node_modules/b': { dependencies: { c: '^2' }, optionalDependencies: { fast: '^1' } },
  'node_modules/b/node_modules/c': { dependencies: { d: '^1' } },
  'node_modules/c': {},
  'node_modules/d': { peerDependencies: { a: '^1' } },
  'node_modules/@s/e': { dependencies: { d: '^1' } },
  'node_modules/tool': { dev: true },
};

test('what is imported comes with what it depends on, each from the place where Node.js finds it', (t) => {
  t.deepEqual(closureOf(locked, ['b']), [
    ...['node_modules/a', 'node_modules/b', 'node_modules/b/node_modules/c'],
    ...['node_modules/c', 'node_modules/d'],
  ]);
  t.deepEqual(closureOf(locked, []), []);
});

test('an optional package that is not installed is left out, any other is an error that names its importer', (t) => {
  t.notThrows(() => closureOf(locked, ['b']));
  const broken = { ...locked, 'node_modules/c': { dependencies: { gone: '1' } } };
  const message = 'gone, which node_modules/c imports, is not in package-lock.json';
  t.throws(() => closureOf(broken, ['a']), { message });
});

test('a tool of development in a program is an error', (t) => {
  const message = 'tool is imported by a program, but only a development dependency';
  t.throws(() => closureOf(locked, ['tool']), { message });
});

test('the package of an import', (t) => {
  t.is(packageOf('zod'), 'zod');
  t.is(packageOf('hyparquet/src/x.js'), 'hyparquet');
  t.is(packageOf('@s/e/deep'), '@s/e');
});

test('prose, maps and declarations stay behind, licences do not', (t) => {
  const kept = ['dist/doc/index.js', 'package.json', 'LICENSE', 'LICENSE.md', 'a.d.js', 'a.wasm'];
  t.deepEqual(kept.filter(isNeeded), kept);
  t.deepEqual(['README.md', 'a.js.map', 'a.d.ts', 'b.d.mts'].filter(isNeeded), []);
});
