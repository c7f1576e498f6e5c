/** The next thing to try, by the code that Node gives. */
export function unwritableHint(code: string): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return 'There is no room left: free some, and try again.'
    case 'EROFS':
      return 'The file system is mounted to be read only.'
    default:
      return 'The folder must be there and writable for whoever runs this.'
  }
}
