// An alias of express 4 in package.json. What the tests use of it has the types of express 5.
declare module 'express4' {
  export { default } from 'express'
}
