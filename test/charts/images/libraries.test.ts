import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { copyLibraries, linked, openedBy } from '../../../charts/images/libraries.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const listing = `\tlinux-vdso.so.1 (0x00007f1139442000)
\tlibtorch_cpu.so => /opt/torch/lib/libtorch_cpu.so (0x00007f1123e00000)
\tlibcudart.so.13 => /opt/torch/lib/../../cu13/lib/libcudart.so.13 (0x00007f1122600000)
\tlibcuda.so.1 => not found
\t/lib64/ld-linux-x86-64.so.2 (0x00007f1139444000)
`;

test('the names and places of what a library is linked to; the driver is that of the node', (t) => {
  t.deepEqual(linked(listing), [
    ['libtorch_cpu.so', '/opt/torch/lib/libtorch_cpu.so'],
    ['libcudart.so.13', '/opt/torch/lib/../../cu13/lib/libcudart.so.13'],
  ]);
});

test('a library that is not found is an error with its name', (t) => {
  const message = 'libtorch_cpu.so, which the addon needs, is not found';
  t.throws(() => linked('\tlibtorch_cpu.so => not found\n'), { message });
});

test('what a library opens while it runs is known by its name, and must be there', (t) => {
  const beside = ['libcudnn.so.9', 'libcudnn_ops.so.9', 'libcudnn_graph.so.9', 'libcublas.so.13'];
  t.deepEqual(openedBy('libcudnn.so.9', beside), ['libcudnn_ops.so.9', 'libcudnn_graph.so.9']);
  t.deepEqual(openedBy('libcublas.so.13', beside), []);
  const nvrtc = ['libnvrtc.so.13', 'libnvrtc.alt.so.13', 'libnvrtc-builtins.so.13.3'];
  t.deepEqual(openedBy('libnvrtc.so.13', nvrtc), ['libnvrtc-builtins.so.13.3']);
  t.throws(() => openedBy('libtorch_cuda.so', ['libtorch_cuda.so']), {
    message: /^libtorch_cuda\.so opens .*linalg.* while it runs, and none is beside it$/,
  });
});

test('an image gets what is linked, what that opens, and what this is linked to', async (t) => {
  await using folder = await temporaryFolder();
  const lib = join(folder.path, 'lib');
  const addon = join(folder.path, 'addon');
  for (const each of [lib, addon]) await mkdir(each);
  const build = async (path: string, needs: readonly string[] = []) => {
    const source = join(folder.path, 'one.c');
    await writeFile(source, `int of_${path.replaceAll(/\W/g, '_')}(void) { return 1; }\n`);
    const soname = `-Wl,-soname,${path.split('/').at(-1)}`;
    const links = needs.map((name) => `-l:${name}`);
    const flags = ['-shared', '-fPIC', '-Wl,--no-as-needed', `-Wl,-rpath,${lib}`, soname];
    await execa('cc', [...flags, source, `-L${lib}`, ...links, '-o', join(folder.path, path)]);
  };
  await build('lib/libcusolver.so.12');
  await build('lib/libtorch_cuda_linalg.so', ['libcusolver.so.12']);
  await build('lib/libcudnn_ops.so.9');
  await build('lib/libcudnn.so.9');
  await build('lib/libtorch_cuda.so', ['libcudnn.so.9']);
  await build('lib/libunused.so');
  await build('addon/anneal.node', ['libtorch_cuda.so']);
  const out = join(folder.path, 'out');
  await copyLibraries(addon, out);
  t.deepEqual((await readdir(out)).toSorted(), [
    ...['libcudnn.so.9', 'libcudnn_ops.so.9', 'libcusolver.so.12', 'libtorch_cuda.so'],
    'libtorch_cuda_linalg.so',
  ]);
});
