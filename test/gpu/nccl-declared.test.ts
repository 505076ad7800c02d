// What the addon declares of NCCL by hand is what NCCL has: numbers against the header of libtorch
// that repeats them, functions and fields against those of nccl.h (2.18 to 2.30 have the same).
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ensureLibtorch } from '../../cli/setup/libtorch.ts';
import { thisSetup } from '../../cli/setup/setup.ts';

const declared = () =>
  readFile(join(import.meta.dirname, '../../worker/native/addon/nccl_library.h'), 'utf8');

/** Types of arguments, and of what is returned first. */
const functions: Readonly<Record<string, readonly string[]>> = {
  GetVersion: ['ncclResult_t', 'int*'],
  GetUniqueId: ['ncclResult_t', 'ncclUniqueId*'],
  CommInitRankConfig: [
    ...['ncclResult_t', 'ncclComm_t*', 'int', 'ncclUniqueId', 'int', 'ncclConfig_t*'],
  ],
  CommGetAsyncError: ['ncclResult_t', 'ncclComm_t', 'ncclResult_t*'],
  CommAbort: ['ncclResult_t', 'ncclComm_t'],
  GroupStart: ['ncclResult_t'],
  GroupEnd: ['ncclResult_t'],
  Send: [
    ...['ncclResult_t', 'const void*', 'size_t', 'ncclDataType_t', 'int'],
    ...['ncclComm_t', 'cudaStream_t'],
  ],
  Recv: [
    ...['ncclResult_t', 'void*', 'size_t', 'ncclDataType_t', 'int'],
    ...['ncclComm_t', 'cudaStream_t'],
  ],
  GetErrorString: ['const char*', 'ncclResult_t'],
  GetLastError: ['const char*', 'ncclComm_t'],
};

const theirNames: readonly (readonly [RegExp, string])[] = [
  [/\bComm\*/g, 'ncclComm_t'],
  [/\bResult\b/g, 'ncclResult_t'],
  [/\bId\b/g, 'ncclUniqueId'],
  [/\bType\b/g, 'ncclDataType_t'],
  [/\bConfig\b/g, 'ncclConfig_t'],
  [/\bStream\b/g, 'cudaStream_t'],
];

function inTheirs(type: string): string {
  return theirNames.reduce((text, [own, their]) => text.replaceAll(own, their), type.trim());
}

test('the functions of NCCL that are used have its types', async (t) => {
  const text = await declared();
  const found = [...text.matchAll(/^ {2}([\w *]+?) ?\(\*(\w+)\)\(([^)]*)\);$/gm)].map(
    ([, returned = '', name = '', given = '']) => {
      const types = given === '' ? [] : given.split(',').map((one) => one.replace(/\w+$/, ''));
      return [name, [returned, ...types].map(inTheirs)];
    },
  );
  t.deepEqual(Object.fromEntries(found), functions);
});

test('the numbers of NCCL are those that libtorch has', async (t) => {
  const libtorch = await ensureLibtorch(thisSetup(new AbortController().signal));
  const header = await readFile(join(libtorch, 'include/torch/csrc/cuda/nccl.h'), 'utf8');
  const numbers = (text: string, prefix = '') =>
    new Map(
      [...text.matchAll(/\b(\w+) = (\d+)[,}\s]/g)].map(([, name, value]) => [
        `${prefix}${name}`,
        value,
      ]),
    );
  const theirs = numbers(header, 'k');
  const text = await declared();
  const own = [...numbers(text)].filter(
    ([name = '']) => /^k[A-Z]/.test(name) && name !== 'kOldest',
  );
  t.true(own.length >= 9);
  for (const [name, value] of own) t.is(theirs.get(name), value, name);
  const size = /#define NCCL_UNIQUE_ID_BYTES (\d+)/.exec(header)?.[1];
  t.true(text.includes(`char internal[${size}];`));
});

test('the settings of a communicator begin as those of NCCL 2.18', async (t) => {
  const [, body = ''] = /struct Config \{([^}]*)\}/.exec(await declared()) ?? [];
  t.is(
    body.replaceAll(/\s+/g, ' ').trim(),
    [
      'size_t size = sizeof(Config); unsigned magic = 0xcafebeef; unsigned version = kOldest;',
      'int blocking = INT_MIN; // INT_MIN and null: NCCL chooses',
      'int cga_cluster_size = INT_MIN; int min_ctas = INT_MIN; int max_ctas = INT_MIN;',
      'const char* net_name = nullptr; int split_share = INT_MIN;',
    ].join(' '),
  );
});
