import { UnusableRecord } from '../../files/unusable-record.ts';

/** `problem` completes "it …". */
export function damagedJpeg(problem: string): UnusableRecord {
  return new UnusableRecord(
    `is a damaged JPEG: it ${problem}; pictures are read whole · replace it`,
  );
}
