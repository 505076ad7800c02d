// The list of what an image is made of (SBOM), as CycloneDX 1.6 JSON. The same pieces give the same
// text: no time, no random number.
import { Enums, Models, Serialize, SPDX, Spec } from '@cyclonedx/cyclonedx-library';
import { PackageURL } from 'packageurl-js';
import type { Piece } from './contents.ts';

const { Component, HashDictionary, LicenseRepository } = Models;

export function sbom(image: string, version: string, pieces: readonly Piece[]): string {
  const bom = new Models.Bom();
  const root = new Component(Enums.ComponentType.Container, image, { version, bomRef: image });
  root.licenses = licensesOf('Apache-2.0');
  bom.metadata.component = root;
  const made = pieces.map((piece) => ({ piece, component: componentOf(piece) }));
  const refs = new Map(made.map(({ piece, component }) => [piece.key, component.bomRef]));
  const needed = new Set(pieces.flatMap(({ needs = [] }) => needs));
  for (const { piece, component } of made) {
    bom.components.add(component);
    if (!needed.has(piece.key)) root.dependencies.add(component.bomRef);
    for (const key of piece.needs ?? []) {
      const ref = refs.get(key);
      if (ref !== undefined) component.dependencies.add(ref);
    }
  }
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const serializer = new Serialize.JsonSerializer(factory);
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

const kinds: Readonly<Record<Piece['type'], Enums.ComponentType>> = {
  npm: Enums.ComponentType.Library,
  pypi: Enums.ComponentType.Library,
  deb: Enums.ComponentType.Library,
  generic: Enums.ComponentType.Platform,
};

function componentOf(piece: Piece): Models.Component {
  const { type, version, license, digest, key } = piece;
  const [scope, name] = type === 'npm' && piece.name.startsWith('@') ? piece.name.split('/') : [];
  return new Component(kinds[type], name ?? piece.name, {
    ...{ version, bomRef: key, purl: purlOf(piece) },
    ...(scope === undefined ? {} : { group: scope }),
    ...(license === undefined ? {} : { licenses: licensesOf(license) }),
    ...(digest === undefined
      ? {}
      : { hashes: new HashDictionary([[algorithms[digest.algorithm], digest.hex]]) }),
  });
}

const algorithms = {
  'SHA-256': Enums.HashAlgorithm['SHA-256'],
  'SHA-512': Enums.HashAlgorithm['SHA-512'],
};

function purlOf({ type, name, version, arch }: Piece): string {
  if (type === 'deb') {
    return new PackageURL(
      'deb',
      'debian',
      name,
      version,
      { arch: arch ?? '' },
      undefined,
    ).toString();
  }
  const [scope, rest] = type === 'npm' && name.startsWith('@') ? name.split('/') : [];
  return new PackageURL(type, scope, rest ?? name, version, undefined, undefined).toString();
}

/** A licence of SPDX by its name, several as an expression, and any other in its own words. */
function licensesOf(text: string): Models.LicenseRepository {
  if (/ (AND|OR|WITH) |^\(/.test(text)) {
    return new LicenseRepository([new Models.LicenseExpression(text)]);
  }
  const known = SPDX.fixupSpdxId(text);
  return new LicenseRepository([
    known === undefined ? new Models.NamedLicense(text) : new Models.SpdxLicense(known),
  ]);
}
