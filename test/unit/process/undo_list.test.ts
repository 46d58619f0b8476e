import { describe, expect, test } from 'vitest'
import { UndoList } from '../../../src/process/undo_list.ts'

describe('UndoList', () => {
  test('undoes the last step first, and each once', () => {
    const undone: string[] = []
    const list = new UndoList()
    list.add(() => undone.push('first'))
    list.add(() => undone.push('second'))
    list.run()
    list.run()
    expect(undone).toEqual(['second', 'first'])
  })

  test('a step that fails does not keep the others from being undone', () => {
    let undone = false
    const list = new UndoList()
    list.add(() => {
      undone = true
    })
    list.add(() => {
      throw new Error('gone already')
    })
    list.run()
    expect(undone).toBe(true)
  })

  test('after clearing there is nothing to undo', () => {
    const list = new UndoList()
    list.add(() => {
      throw new Error('must not run')
    })
    list.clear()
    list.run()
  })
})
