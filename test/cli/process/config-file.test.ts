import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { cliConfig } from '../../../cli/process/config.ts';
import { withConfigFile } from '../../../cli/process/config-file.ts';
import { settingsOf } from '../../../cli/process/config-settings.ts';
import { run } from '../../../cli/program.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

async function written(text: string) {
  const folder = await temporaryFolder();
  await mkdir(join(folder.path, 'anneal'));
  await writeFile(join(folder.path, 'anneal/config.yaml'), text);
  return folder;
}

test('a file gives the defaults, the environment stands above it', async (t) => {
  await using folder = await written(
    'namespace: team-b\ntheme: dark\nglyphs: ascii\nthreads: 3\ncolor: false\nkeys: { n: j, e: k }\n',
  );
  const variables = { XDG_CONFIG_HOME: folder.path, ANNEAL_NAMESPACE: 'team-c' };
  t.like(cliConfig(await withConfigFile(variables)), {
    ...{ namespace: 'team-c', theme: 'dark', glyphs: 'ascii', threads: 3, color: false },
    keys: { n: 'j', e: 'k' },
  });
});

test('without a file, and without a home, nothing is added', async (t) => {
  await using folder = await temporaryFolder();
  const variables = { HOME: folder.path };
  t.is(await withConfigFile(variables), variables);
  t.deepEqual(await withConfigFile({}), {});
});

test('what a file must not say is told with the file and a hint', (t) => {
  const message = (text: string) => t.throws(() => settingsOf(text, 'config.yaml'))?.message;
  t.is(message('namespce: a'), 'config.yaml: there is no setting namespce');
  t.is(message('theme: green'), 'config.yaml: theme must be terminal, dark, light');
  t.regex(message('a: [') ?? '', /^config\.yaml is no YAML: /);
  t.is(message('7'), 'config.yaml: it must hold settings, such as namespace: team-a');
  t.like(
    t.throws(() => settingsOf('namespce: a', 'f')),
    { hint: 'did you mean namespace?' },
  );
});

test('help works whatever a file says, and a command tells what is wrong with it', async (t) => {
  await using folder = await written('namespce: a\n');
  const anneal = async (...words: readonly string[]) => {
    let err = '';
    const code = await run(['node', 'anneal', ...words], {
      variables: { XDG_CONFIG_HOME: folder.path, ANNEAL_CACHE: folder.path },
      out: () => {},
      err: (text) => {
        err += text;
      },
    });
    return { code, err };
  };
  t.is((await anneal('--help')).code, 0);
  const { code, err } = await anneal('list', '--local');
  t.is(code, 2);
  t.regex(err, /there is no setting namespce\nhint: did you mean namespace\?/);
});
