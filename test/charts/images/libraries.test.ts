import test from 'ava';
import { linked } from '../../../charts/images/libraries.ts';

const listing = `\tlinux-vdso.so.1 (0x00007f1139442000)
\tlibtorch_cpu.so => /opt/torch/lib/libtorch_cpu.so (0x00007f1123e00000)
\tlibcudart.so.13 => /opt/torch/lib/../../cu13/lib/libcudart.so.13 (0x00007f1122600000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f1139444000)
`;

test('the names and places of what a library is linked to', (t) => {
  t.deepEqual(linked(listing), [
    ['libtorch_cpu.so', '/opt/torch/lib/libtorch_cpu.so'],
    ['libcudart.so.13', '/opt/torch/lib/../../cu13/lib/libcudart.so.13'],
  ]);
});

test('a library that is not found is an error with its name', (t) => {
  const message = 'libtorch_cpu.so, which the addon needs, is not found';
  t.throws(() => linked('\tlibtorch_cpu.so => not found\n'), { message });
});
