/** NVIDIA's compiler as PyPI ships it, and the headers that libtorch's CUDA headers include. */
import { cudaWheels } from '../../cli/setup/cuda-wheels.ts';
import { libtorchWheels, manylinux, type System, type Wheel } from '../../cli/setup/wheels.ts';

const version = '13.2.86';

interface Part {
  readonly name: string;
  readonly bytes: number;
  readonly x64: string;
  readonly arm64: string;
}

const parts: readonly Part[] = [
  {
    name: 'nvidia-cuda-nvcc',
    bytes: 44e6,
    x64: '7d3f56c8d705bad35bbba69eb0470d90856fd5d4dc48c6a6173aaf1e9f887cf5',
    arm64: '909140a1f942b943982b2eff120e618c94e29d75d9e33f5cd074f0e64eb411e8',
  },
  {
    name: 'nvidia-nvvm',
    bytes: 64e6,
    x64: 'a9244f3209922d655612c11ebb4117ea1f80983cb2b215c9cccded127282cebc',
    arm64: 'a502dcc2859f17a925adba495c222d44a221b9eb10e7d111a7046dc2cc883b69',
  },
  {
    name: 'nvidia-cuda-crt',
    bytes: 0.1e6,
    x64: 'e3ab08801bf9b1e6dc979275d25e816bb5000521b648e19c324d5eef0c79f1da',
    arm64: '3294669c379ef3382804bc077fec22a48753a743c75c83c1ee3c224bb049423f',
  },
  {
    name: 'nvidia-cuda-cccl',
    bytes: 4e6,
    x64: '35da671cf0cecd3539da214a11bb8e7634366c9e950da9c5feecf6c490a65b20',
    arm64: '05f2a2123cd7bc13b731d219d27e50281150a7985d5955bffcde0e966cefe0a2',
  },
];

export function compilerWheels(system: System): readonly Wheel[] {
  const arm = system === 'linux-arm64';
  const cudart = libtorchWheels[system].filter(({ name }) => name === 'nvidia-cuda-runtime');
  return [
    ...parts.map(({ name, bytes, x64, arm64 }) => ({
      ...{ name, version, bytes, sha256: arm ? arm64 : x64 },
      platforms: manylinux(arm ? 'aarch64' : 'x86_64'),
    })),
    ...cudart,
  ];
}

/**
 * ATen/cuda includes the headers of these three; their wheels hold nearly a gigabyte of libraries.
 */
export function mathHeaderWheels(system: System): readonly Wheel[] {
  const names = ['nvidia-cublas', 'nvidia-cusparse', 'nvidia-cusolver'];
  return cudaWheels[system].filter(({ name }) => names.includes(name));
}
