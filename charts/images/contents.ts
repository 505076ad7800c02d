// What an image is made of, piece by piece: packages of npm by the lock file, wheels that libtorch
// was cut out of, packages of Debian, Node.js.
import { cudaWheels } from '../../cli/setup/cuda-wheels.ts';
import { libtorchWheels, type System, type Wheel } from '../../cli/setup/wheels.ts';
import { closureOf, dependenciesOf, type LockedPackages } from './packages.ts';
import { type Part, type PartName, parts } from './parts.ts';

export interface Piece {
  readonly type: 'npm' | 'pypi' | 'deb' | 'generic';
  readonly name: string;
  readonly version: string;
  /** An expression of SPDX, where the piece says one. */
  readonly license?: string;
  readonly digest?: { readonly algorithm: 'SHA-256' | 'SHA-512'; readonly hex: string };
  /** Architecture, for packages of Debian. */
  readonly arch?: string;
  /** Keys of pieces that it needs. */
  readonly needs?: readonly string[];
  /** Unique among the pieces of an image. */
  readonly key: string;
}

interface Machine {
  readonly system: System;
  readonly withCuda: boolean;
  readonly node: string;
}

interface ImageFacts {
  readonly part: PartName;
  readonly locked: LockedPackages;
  /** That its programs import. */
  readonly packages: readonly string[];
  readonly machine: Machine;
}

/** An image is made on a machine of its kind. */
export function machineHere(withCuda: boolean): Machine {
  const system = `${process.platform}-${process.arch}` as System;
  return { system, withCuda, node: process.versions.node };
}

export function contentsOf({ part, locked, packages, machine }: ImageFacts): readonly Piece[] {
  const { native }: Part = parts[part];
  return [
    { type: 'generic', name: 'node', version: machine.node, key: 'node', license: 'MIT' },
    ...closureOf(locked, packages).map((folder) => npmPiece(locked, folder)),
    ...(native ? wheelsOf(machine).map(wheelPiece) : []),
  ];
}

function npmPiece(locked: LockedPackages, folder: string): Piece {
  const { version = '', license, integrity = '' } = locked[folder] ?? {};
  const [, base64] = /^sha512-(\S+)/.exec(integrity) ?? [];
  return {
    ...{ type: 'npm', key: folder, version },
    name: folder.replace(/^.*node_modules\//, ''),
    ...(license === undefined ? {} : { license }),
    ...(base64 === undefined
      ? {}
      : { digest: { algorithm: 'SHA-512', hex: Buffer.from(base64, 'base64').toString('hex') } }),
    needs: dependenciesOf(locked, folder),
  };
}

function wheelsOf({ system, withCuda }: Machine): readonly Wheel[] {
  return [...libtorchWheels[system], ...(withCuda ? cudaWheels[system] : [])];
}

function wheelPiece({ name, version, sha256 }: Wheel): Piece {
  const digest = { algorithm: 'SHA-256', hex: sha256 } as const;
  return { type: 'pypi', key: `wheel ${name}`, name, version, digest };
}

/** What `dpkg-query --show` prints with `debianFormat`, a package a line. */
export function debianPieces(listed: string): readonly Piece[] {
  return listed.split('\n').flatMap((line): readonly Piece[] => {
    const [name = '', version = '', arch = ''] = line.trim().split('\t');
    if (name === '' || version === '') return [];
    return [{ type: 'deb', key: `deb ${name}:${arch}`, name, version, arch }];
  });
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg fills them in
export const debianFormat = '${Package}\\t${Version}\\t${Architecture}\\n';
