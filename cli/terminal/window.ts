/** Fewest rows for a full screen; lower windows get plain lines. */
export const fewestRows = 12;
