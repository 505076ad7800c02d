/**
 * NVIDIA's runtime libraries for ANNEAL_CUDA=1: the requirements of our torch wheel, pinned.
 * Without that variable none is fetched. Sizes are rounded up; they are only shown and compared
 * with the free space.
 */
import { manylinux, type System, type Wheel } from './wheels.ts';

interface Library {
  readonly name: string;
  readonly version: string;
  readonly bytes: number;
  readonly x64: string;
  readonly arm64: string;
}

const libraries: readonly Library[] = [
  {
    name: 'nvidia-cublas',
    version: '13.4.1.3',
    bytes: 560e6,
    x64: 'a5917cb642cfb07f4a0231ee16aec7e2e0357d8cb8b1b78a0c9c68dba3e6afc7',
    arm64: '4eb1472bf92b741e7cf24da7978dde251b58ddec2092d9f6a04f3623eb4e9a15',
  },
  {
    name: 'nvidia-cudnn-cu13',
    version: '9.26.0.51',
    bytes: 480e6,
    x64: '9c976d539786698c71d6bcdbe2053b7485fae062ff7e1215d2f2ff67b1a2149a',
    arm64: '8e5b4f5eccff721416f70ecf4353172fc4d5cdd8ca869fe6f983a4a5b0147b20',
  },
  {
    name: 'nvidia-cufft',
    version: '12.2.0.57',
    bytes: 220e6,
    x64: '34da27fadf3979b0b042c43823f0530be8408b86df31ee0108e1ca0b621d4ef6',
    arm64: '1ed438568ae1088ba2c25789d10205d4104b8b140b7bd942e39a787947a0fb74',
  },
  {
    name: 'nvidia-cufile',
    version: '1.17.1.22',
    bytes: 2e6,
    x64: '87feaf8c3ad20d3d03a01933181801ff6892bace5c8f0b1e4b48f319d3e62d36',
    arm64: 'bec33d7f1f12691dce330275246587569c2ed90b1ce43b0f94b3e1ce9268744b',
  },
  {
    name: 'nvidia-cusolver',
    version: '12.2.0.11',
    bytes: 240e6,
    x64: 'fab5778f6769947389a1a6abc07e635576825a08c0ffc68c3ae7f1392c794b42',
    arm64: '8be097fca28de6be0990ab216ee9b804dd51077e1d1d83acf6c9850650bdc64d',
  },
  {
    name: 'nvidia-cusparse',
    version: '12.7.10.12',
    bytes: 180e6,
    x64: '25907c75e4db1581685f06f61cc6cdecc04611765516a52373e0a18ebd69fa00',
    arm64: '597eff2cd83e3ab1d1e3a0dce9c9c879d77cf64ec2659bfdb5af6a5d02e7aaa9',
  },
  {
    name: 'nvidia-cusparselt-cu13',
    version: '0.8.1',
    bytes: 180e6,
    x64: '786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0',
    arm64: '4dca476c50bf4780d46cd0bfbd82e2bc10a08e4fef7950917ce8d7578d22a23f',
  },
  {
    name: 'nvidia-nccl-cu13',
    version: '2.30.7',
    bytes: 220e6,
    x64: 'cefa7fdb9710efd0f39c5f1be1d61ff6fc9a996c451265bd7fbdcf9455ed4b50',
    arm64: 'ca786ffa5a647c75d4d1f5cc72a6c4f537947e2ba8823d7c8aaf768e7a7b9f77',
  },
  {
    name: 'nvidia-nvshmem-cu13',
    version: '3.7.2',
    bytes: 70e6,
    x64: 'b9a4f843c62b5dded8ad33fd6d220e007dcd39f06cee549292f5ba14ce4c235c',
    arm64: '0e748308b9e0a8a8d81859353f3e6c98fbe85a85f652a915a2ba60149a0bd124',
  },
  {
    name: 'nvidia-cuda-nvrtc',
    version: '13.2.86',
    bytes: 90e6,
    x64: '8111c5130e967b78222ea2124145f8efe9ce201b752b2579a2513100a53be1c5',
    arm64: '1e5d7b411a2eb83f5c71c98d58133a763fc9fa86a4241ee320c5c4782d9ad1fd',
  },
  {
    name: 'nvidia-nvjitlink',
    version: '13.2.86',
    bytes: 45e6,
    x64: '285a9cead9924391588d794400bdd7e8f9d1a277a7d78ed79acfa0ea702a14dd',
    arm64: '4c90580631da1670c2cecfbdf8365247c4bfd9eabb4de63f2e3004223d1b7f5f',
  },
];

export const cudaWheels: Readonly<Record<System, readonly Wheel[]>> = {
  'linux-x64': libraries.map((library) => wheelOf(library, library.x64, 'x86_64')),
  'linux-arm64': libraries.map((library) => wheelOf(library, library.arm64, 'aarch64')),
  'darwin-arm64': [],
};

function wheelOf(library: Library, sha256: string, arch: 'x86_64' | 'aarch64'): Wheel {
  const { name, version, bytes } = library;
  return { name, version, bytes, sha256, platforms: manylinux(arch) };
}
