"""Grade a forward pass, a backward pass and a running clip that a reader wrote, with hints.

`notebooks/write_it_yourself.ipynb` calls these. The verifier decides whether a pass is right; where
it is wrong, small windows are evaluated to find out which line is wrong, and in which way.
"""

from .grade import Grade as Grade
from .grade import Hint as Hint
from .grading import grade_backward as grade_backward
from .grading import grade_clip as grade_clip
from .grading import grade_forward as grade_forward
