// An unwinder that finds no frame. The result 5 is "end of the stack".
#define FUNCTION(name, result) \
  long name(void) { \
    return result; \
  }

FUNCTION(_Unwind_RaiseException, 5)
FUNCTION(_Unwind_Backtrace, 5)
FUNCTION(_Unwind_DeleteException, 0)
FUNCTION(_Unwind_FindEnclosingFunction, 0)
FUNCTION(_Unwind_GetCFA, 0)
FUNCTION(_Unwind_GetDataRelBase, 0)
FUNCTION(_Unwind_GetGR, 0)
FUNCTION(_Unwind_GetIP, 0)
FUNCTION(_Unwind_GetIPInfo, 0)
FUNCTION(_Unwind_GetLanguageSpecificData, 0)
FUNCTION(_Unwind_GetRegionStart, 0)
FUNCTION(_Unwind_GetTextRelBase, 0)
FUNCTION(_Unwind_Resume, 0)
FUNCTION(_Unwind_SetGR, 0)
FUNCTION(_Unwind_SetIP, 0)
