import { matchesGlob } from 'node:path';
import test from 'ava';
import { readSources } from '../architecture/sources.ts';
import { chooseGroups, inTurns, testGroups } from './groups.ts';

const files = readSources().filter(({ path }) => /^test\/.*\.test\.tsx?$/.test(path));

test('every test file is run by exactly one group', (t) => {
  const wrong = files.flatMap(({ path }) => {
    const groups = testGroups.filter(({ patterns, alone = [] }) =>
      [...patterns, ...alone].some((p) => matchesGlob(path, p)),
    );
    return groups.length === 1 ? [] : [`${path}: ${groups.map(({ name }) => name).join(', ')}`];
  });
  t.true(files.length > 0);
  t.deepEqual(wrong, []);
});

test('check is the part that needs nothing but the packages', (t) => {
  const groups = chooseGroups('check', []);
  t.deepEqual(
    groups.flatMap(({ needs }) => needs),
    [],
  );
  t.true(groups.length > 0);
});

test('groups are chosen by name, in their order, and a wrong name is told', (t) => {
  const names = (wanted: readonly string[]) => chooseGroups('all', wanted).map(({ name }) => name);
  t.deepEqual(names(['peers', 'unit']), ['unit', 'peers']);
  t.deepEqual(
    names([]),
    testGroups.map(({ name }) => name),
  );
  t.throws(() => names(['unti']), { message: /^there is no test group unti; groups are unit, / });
  t.throws(() => chooseGroups('--fast', []), {
    message: 'the mode is --fast; it must be check, core or all',
  });
});

test('the core names files of their groups alone, and all of check', (t) => {
  const core = chooseGroups('core', []);
  t.deepEqual(core[0], testGroups[0]);
  const wrong = core.flatMap(({ name, patterns }) => {
    const whole = testGroups.find((group) => group.name === name)?.patterns ?? [];
    return patterns.flatMap((pattern) => {
      const found = files.filter(({ path }) => matchesGlob(path, pattern));
      const strange = found.filter(({ path }) => !whole.some((p) => matchesGlob(path, p)));
      return found.length === 0 ? [`${pattern} names no file`] : strange.map(({ path }) => path);
    });
  });
  t.deepEqual(wrong, []);
  t.true(core.every(({ onCluster, atEachLevel }) => !onCluster && atEachLevel === undefined));
});

test('no file that is chosen for the core waits for a fixed time or compares durations', (t) => {
  const whole = new Set(testGroups.flatMap(({ patterns }) => patterns));
  const chosen = chooseGroups('core', []).flatMap(({ patterns }) =>
    patterns.filter((pattern) => !whole.has(pattern)),
  );
  const wrong = files.filter(
    ({ path, text }) =>
      chosen.some((pattern) => matchesGlob(path, pattern)) &&
      /await setTimeout\(|performance\.now\(/.test(text),
  );
  t.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test('a group of which the core has nothing is said to be so', (t) => {
  t.deepEqual(
    chooseGroups('core', ['peers', 'losses']).map(({ name }) => name),
    ['peers'],
  );
  t.throws(() => chooseGroups('core', ['losses']), {
    message: 'the core has no test of losses · npm run test:all -- losses',
  });
});

test('of groups that leave a core idle two run at any time, and others by themselves', (t) => {
  const turns = (wanted: readonly string[]) =>
    inTurns(chooseGroups('all', wanted)).map(({ groups, atOnce }) => [
      atOnce,
      ...groups.map(({ name }) => name),
    ]);
  t.deepEqual(turns(['wire', 'unit', 'pods', 'cluster', 'e2e']), [
    [1, 'unit'],
    [2, 'e2e', 'pods', 'wire'],
    [1, 'cluster'],
  ]);
  t.deepEqual(
    inTurns(testGroups).flatMap(({ groups }) => groups),
    testGroups,
  );
});

test('what runs at each level of instructions is a part of its group', (t) => {
  const some = testGroups.filter(({ atEachLevel }) => atEachLevel !== undefined);
  t.true(some.length > 0);
  for (const { patterns, atEachLevel = [] } of some) {
    for (const pattern of atEachLevel) {
      const found = files.filter(({ path }) => matchesGlob(path, pattern));
      t.true(found.length > 0, pattern);
      t.true(found.every(({ path }) => patterns.some((p) => matchesGlob(path, p))));
    }
  }
});
