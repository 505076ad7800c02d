/** Rows of a window that a full screen needs; in a lower one there are plain lines. */
export const fewestRows = 12;
