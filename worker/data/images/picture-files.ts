// Which files of a data set are pictures, by their names.
const readEndings = /\.(png|jpe?g)$/i;
const otherEndings = /\.(gif|bmp|tiff?|webp|heic|avif|ppm|pgm)$/i;

export function isPictureFile(path: string): boolean {
  return readEndings.test(path);
}

/** A picture in a format that is not read. */
export function isOtherPicture(path: string): boolean {
  return otherEndings.test(path);
}

const idxImages = /^(.*)images([-.])idx3-ubyte(\.gz)?$/;

/** Names of the labels that belong to pictures in IDX, packed or not; undefined for other files. */
export function idxLabelsOf(path: string): readonly string[] | undefined {
  const [, before, sign] = idxImages.exec(path) ?? [];
  if (before === undefined) return undefined;
  const plain = `${before}labels${sign}idx1-ubyte`;
  return [`${plain}.gz`, plain];
}
