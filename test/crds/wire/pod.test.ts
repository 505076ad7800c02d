import test from 'ava';
import { env } from '../../../crds/api/pod-fields.ts';
import { busAudience, podPath, podVariable, sharedFolder } from '../../../crds/wire/pod.ts';

test('a user cannot set a variable that the operator sets', (t) => {
  for (const name of Object.values(podVariable).filter((each) => each !== 'TRACEPARENT'))
    t.false(env.safeParse({ name, value: '' }).success, name);
});

test('mount points do not lie inside each other', (t) => {
  const folders = Object.values(podPath).filter((path) => path.startsWith('/'));
  for (const folder of folders) {
    const inside = folders.filter((other) => other !== folder && other.startsWith(`${folder}/`));
    t.deepEqual(inside, [], folder);
  }
  t.false(sharedFolder.runs.startsWith('/'));
});

test('the audience of a token names exactly one job', (t) => {
  t.is(busAudience('anneal.dev', 'a', 'b', 'c'), 'anneal.dev/a/b/c');
});
