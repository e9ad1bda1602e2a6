"""What can happen: some fifty little plots. One line is one beat; a line that starts with `?` is left out now and then.

`{H}` is the hero (`{he} {him} {his}`), `{F}` the friend (`{fhe} {fhim} {fhis}`), `{T}` a thing, `{inP}`/`{P}` a place.
"""

# Each opening introduces the hero and, by its end, has given {hero}'s name if there is one.
OPENINGS = """
Once upon a time there was {aH}[.| who lived {home}.]
Once upon a time, there was {aH}. {^H} lived {home}.
Once there was {aH} who [lived {home}|loved {hobby}|was very {trait}].
Once upon a time, {inP}, there lived {aH}.
There once was {aH} who loved {hobby}.
Long ago, {home}, there lived {aH}.
Long, long ago there was {aH} who [wanted to {dream}|loved {hobby}|lived {home}].
One [sunny|bright|cold|windy|rainy|warm|quiet|grey] [morning|day|afternoon], {aH} was walking {inP}.
One [evening|morning|Sunday|spring day|summer day], {aH} was sitting {inP}.
Far away, {home}, lived {aH}.
This is [a|the] story of {aH} who lived {home}.
In a land far away there lived {aH}. {^he} lived {home}.
Not long ago, {aH} [came to live|was living] {home}.
{^aH} lived {home}.
Everyone {inP} knew {aH} who loved {hobby}.
The sun was shining {inP}, and {aH} was [happy|busy|on the way home|looking at the sky].
It was a [cold|dark|quiet|warm|rainy] [night|evening|morning]. {^aH} was sitting {inP}.
The [little|old|small] [house|road|gate] {inP} belonged to {aH} who loved {hobby}.
There was {aH} who [lived {home}|wanted to {dream}].
""".strip().split("\n")
# Those which begin with the hero's name.
NAMED_OPENINGS = """
{name} was {aK}. {^he} lived {home}.
{name} was {aK} who [lived {home}|loved {hobby}|wanted to {dream}].
{name} lived {home}. {^he} was {aK}.
{name} the {K} lived {home}. {^he} was very {adj}.
One day, {name} was [walking|sitting] {inP}. {^he} was {aK} who loved {hobby}.
""".strip().split("\n")

DETAILS = """
{^H} loved {hobby}[ more than anything| very much|, even when it rained| all day long|].
{^he} was very {trait}[, and everyone liked {him}| and always had time for others|].
{^his} favourite food was {food}.
Every [day|morning|evening], {he} [went for a walk {inP2}|looked out and smiled at the sun|said hello to the birds|swept the floor and sang].
{^he} [did not have many friends|had no brothers or sisters], so {he} was [sometimes|often] a little lonely.
{^H} had [a secret|a dream]. {^he} wanted to {dream}.
People said that [nobody was as {trait} as {H}|{H} was always {trait}].
{^he} had a {colour2} {T2} and took it everywhere.
""".strip().split("\n")

ENDINGS = """
They lived happily ever after.
From that day on, {H} and {F} were [best|good|the best of] friends.
That night, {H} slept very well.
{^H} went home with a [big smile|happy heart|warm feeling inside].
And if you go to {P}, you may still see them there.
{^H} never forgot that day.
It had been a [wonderful|long|good|very good] day.
After that, they met {inP} every [day|week|Sunday].
That evening, {he} told the whole story [to {his} {parent}|at dinner], and everyone [laughed|clapped|was glad].
[At home|Later], they all [ate|had] {meal}[ and laughed|].
[The sun went down|The moon came up|The stars came out], and all was [well|quiet|good] {inP}.
Soon everyone {inP} [knew the story|was talking about it].
"What a day!" said {H}[ and yawned|, and {he} went to bed|].
""".strip().split("\n")

# theme -> beats; the theme is how a person would ask for it ("Tell me a story about being lost.")
PLOTS: list[tuple[str, str]] = [
    ("[losing something|a lost thing]", """
One [day|morning|afternoon], {H} [could not find {his} {colour} {T}|lost {his} {colour} {T}]. {^he} looked [under the bed|behind the door|in every corner], but it was not there.
?{^H} felt [very |so |]sad and [sat down|began to cry|did not want to eat].
{aF_comes} "[Why are you sad|What is wrong|What happened]?" asked {F}. "[I have lost my {T}|My {T} is gone]," said {H}.
"[Do not worry|Do not be sad|Dry your tears]," said {F}. "[We will find it together|Let us look for it together|Two can look better than one]."
They [looked|searched] {inP} and {inP2}. [At last|Then|In the end], {F} saw something {colour} [in the tall grass|under a bench|behind a big stone|high up in a tree]. It was the {T}!
{^H} [hugged {F}|jumped for joy|was so happy that {he} danced]. "Thank you," {he} said. "[You are a true friend|I could not have found it without you|You have good eyes]."
"""),
    ("finding something", """
One [day|morning], {H} [found|saw] a {colour} {T} {inP}. [It was shiny and beautiful|It looked very old|Nobody was near it].
"[Whose {T} is this|Who lost this {T}]?" {he} [wondered|thought]. {^H} wanted to keep it, but {he} knew that [somebody might miss it|it belonged to somebody else].
So {he} [went from door to door|asked everyone {he} met|made a sign and waited]. [Nobody knew the {T}|Everybody shook their heads].
[At last|In the evening|Then] {he} met {aF} who was [crying|looking for something|very sad]. "[Have you seen my {T}|I lost my {T}]," said {F}.
"Is this [it|your {T}]?" asked {H}. {^F} [smiled|laughed with joy|could not believe it]. "Yes! [Thank you for being so honest|You are very kind|I have missed it so much]!"
?{^F} [shared {fhis} lunch with {H}|gave {H} a big hug|let {H} play with the {T}, too].
"""),
    ("sharing", """
{^H} had a [new|beautiful|wonderful] {colour} {T}. {^he} [played with it|looked at it|carried it around] all day and did not let anyone touch it.
One day, {aF} came by. "[May I try your {T}|Can I play with it, too|What a nice {T}! May I hold it]?" asked {F}. "No," said {H}. "It is mine."
{^F} [went away|walked off] with a sad face. [Soon|After a while], {H} [felt bored|felt lonely|noticed that it was no fun alone]. [The {T} was not so much fun any more|Even the {T} did not make {him} happy].
{^he} [ran after|looked for|went to find] {F}. "I am sorry," said {H}. "[Let us play together|You can have a turn first|We can share it]."
They [played|laughed and played|had fun] until [the sun went down|it was dark|it was time for dinner]. {^H} learned that [sharing makes everything better|a thing that you share is twice as nice|friends are more important than things].
"""),
    ("being lost", """
One day, {H} went [for a walk|to look for {food}] {inP}. {^he} [followed a butterfly|was singing and did not look at the path|walked too far], and soon {he} did not know where {he} was.
[It grew dark|The wind began to blow|Everything looked the same]. "[How will I get home|Which way is home|Oh no, I am lost]?" said {H}. {^he} was [afraid|scared|a little afraid].
Then {he} heard a [soft|small|friendly] voice. It was {aF}. "[Are you lost|Can I help you|Why are you here all alone]?" asked {F}.
"Yes," said {H}. "I [want to go home|cannot find my home|miss my {parent}]." "[Come with me|Follow me|Take my hand]," said {F}. "I know [the way|every path here|these paths very well]."
They walked [past a big stone|over a little bridge|along a stream] and [through the tall grass|around the hill|under the old trees]. At last, {H} saw {his} home. [{^his} {parent} ran out and hugged {him}|There was a light in the window].
"Thank you, {fdear}," said {H}. "[Next time I will stay on the path|Please come and visit me|You saved me]."
"""),
    ("a storm", """
One night, there was a [big|terrible|wild] storm {inP}. The wind [howled|blew], and the rain [fell hard|came down like a river]. {^H} [hid under a blanket|could not sleep|held on to {his} {T}].
Suddenly there was a knock at the door. {^H} [opened it|looked out] and saw {aF} who was [wet and cold|shaking with cold|wet from head to toe].
"[Please, may I come in|The storm took the roof of my house|I have nowhere to go]," said {F}. "[Of course|Come in, come in|Quick, come inside]," said {H}.
{^H} [gave {fhim} a warm blanket|made a fire|made some hot {meal_hot}], and they [told each other stories|sang songs|listened to the rain] until [the storm was over|they fell asleep].
In the morning, the [sun was shining|sky was blue again]. [Together they mended what the wind had broken|They went out and looked at a big rainbow]. "[The storm was not so bad with you|I am glad that I knocked at your door]," said {F}.
"""),
    ("[being brave|courage|bravery|being afraid]", """
{^H} was afraid of [the dark|deep water|loud noises|high places|thunder]. [Everyone knew it|{^he} never told anyone|The others laughed at {him}].
One [day|evening], {H} heard [someone call for help|a cry for help]. It came from {P}. {aF_there} [had fallen into a hole|was stuck under a branch|was trapped behind a big rock|could not get down from a tall tree].
{^H} [was very scared|felt {his} heart beat fast|wanted to run away]. But there was nobody else who could help. "[I must be brave|I can do this|I will try]," {he} said to {himself}.
{^he} [took a deep breath|closed {his} eyes for a moment|counted to three] and [went closer|began to climb|took a long rope]. {^he} pulled and pulled, and [at last|step by step] {F} was [free|safe].
"You are so brave!" said {F}. "But I was afraid," said {H}. "[That is what being brave means|Being brave is doing it even when you are afraid]," said {F}[ with a smile|].
"""),
    ("[making a friend|friendship|making friends]", """
{^H} was new {inP} and did not know anyone. {^he} [sat alone|watched the others play|was too shy to say hello].
One day, {he} saw {aF} who was [also alone|playing with a {colour} {T}|trying to reach a {colour} {T} in a tree]. {^H} [wanted to say something|did not know what to say|thought about it for a long time].
[At last|Then], {H} said, "[Hello. I am {me}|Hello. May I play with you|I like your {T}]." {^F} [looked up|smiled|was surprised]. "[Hello! I hoped that you would talk to me|Yes, please! I was so bored|How nice of you]," said {F}.
They [talked about everything|played all afternoon|found out that they both loved {hobby}]. [They laughed a lot|It was the best day for a long time].
"Will you come back tomorrow?" asked {F}. "[Yes, and the day after, too|Of course|I will be here every day]," said {H}.
"""),
    ("a broken thing", """
One day, {H} was [running too fast|not careful|playing with a ball inside] and broke {his} {parent_s} {T}. There were [little pieces|bits] all over the floor.
"Oh no!" said {H}. {^he} [hid the pieces|wanted to hide|was afraid to tell the truth]. All day long, {he} [felt bad|could not eat|had a bad feeling inside].
In the evening, {H} went to {his} {parent}. "I [broke|have broken] your {T}," {he} said. "I am very sorry." [{^he} began to cry|{^he} looked at the floor].
{^his} {parent} [was quiet for a moment|sat down next to {him}|took {his} hand]. "[Thank you for telling me the truth|I am a little sad, but I am glad that you told me]," {phe} said. "[Let us mend it together|We can mend it with glue]."
They worked [for an hour|until dinner]. The {T} [had a few lines, but it was whole again|looked a little different, but it was good]. {^H} felt [light and happy|much better].
"""),
    ("helping a hurt animal", """
One day, {H} [saw|found] a little [bird|mouse|rabbit|hedgehog] {inP}. It had hurt its [leg|foot], and it could not [walk|move].
"[Poor little thing|Do not be afraid]," said {H}. "I will help you." {^he} [carried it home very carefully|put it into a soft {T_box}] and gave it [water and some food|a warm place to sleep].
Every day, {H} [looked after it|sang to it|brought it something to eat]. [Slowly|Day by day], the little animal grew strong again.
One morning, it [wanted to go outside|looked out of the window]. {^H} was sad, but {he} knew that it [had to go home|missed its family]. {^he} opened the door and said goodbye.
[The next spring|Some weeks later], {H} heard a [small sound|soft knock] at the window. The little animal was back, and it had brought {him} [a {colour} feather|a shiny stone|a flower]. {^H} [laughed with joy|was very happy].
"""),
    ("[learning something new|not giving up]", """
More than anything, {H} wanted to {dream}. {^he} tried [on Monday, but it did not work|once, but it went wrong|again and again]. [Everyone laughed|{^he} fell on {his} nose|It was much harder than it looked].
"I will never learn it," said {H} [sadly|with a sigh]. {aF_heard} "[Do not give up|Nobody can do it on the first day|I will show you how]," said {fname}.
Every [day|evening], they practised together {inP}. [At first, it was hard|{^H} made many mistakes|Some days went well, and some days went badly]. But {H} [got a little better each time|did not give up].
Then one day, it worked! "[Look at me|I can do it|I did it]!" shouted {H}. {^F} [clapped and cheered|was very proud|jumped up and down].
"You see," said {F}, "[small steps take you far|you only had to keep trying|it takes time to learn something]."
"""),
    ("a race", """
One day there was a big race {inP}. {^H} wanted to win, and so did {F0}. "[I am the fastest|Nobody can beat me|You are much too slow for me]!" said {F}.
"[Let us see|We will see about that|I will do my best]," said {H}. [Ready, steady, go!|A bell rang, and the race began.] {^F} [ran ahead|was soon far in front|was very quick].
But [near {P2}|half way], {F} [fell over a root|hurt {fhis} foot|got stuck in the mud]. {^H} could [run past and win|win now]. But {he} [stopped|turned back|did not go on]. "[Are you all right|Can you stand up]?" asked {H}.
{^H} [helped {F} up|gave {F} {his} arm], and they [walked|went] on together, slowly. [Somebody else won the race|They were the last of all], but [everyone clapped for them|nobody cared].
"[I was not nice to you, and you helped me|Why did you stop]," said {F}. "[A friend is better than a prize|Winning is not everything]," said {H}.
"""),
    ("a birthday", """
It was {H_s} birthday, but [nobody said a word|everyone seemed to be busy|nobody was at home]. "[Have they all forgotten|Does nobody remember]?" {he} thought[ sadly|].
{^he} went to see {F0}. "[I have no time today|Not now, please]," said {F} and [closed the door|hurried away]. {^H} walked {inP} all alone. {^he} [kicked a stone|felt very sad|sat down under a tree].
When it was getting dark, {he} went home. {^he} opened the door, and it was [dark and quiet|very quiet]. Suddenly [the lights went on|there was light everywhere]. "Happy birthday!" shouted [all {his} friends|everyone].
There was a big [cake|chocolate cake|lemon cake] on the table, and {F} gave {him} a {colour} {T}. "[We had to keep it secret|We were busy all day with your party]," said {F}[ and laughed|].
{^H} [blew out the candles and made a wish|did not know what to say|was the happiest {K} in the world].
"""),
    ("[a garden|a seed|patience]", """
One spring, {H} [planted|put] a small seed in the [ground|garden|brown earth]. Every [day|morning], {he} gave it water. But nothing happened.
"[Why does it not grow|Perhaps the seed is asleep|Please grow]," said {H}. {aF_laughed} "[You must wait|Plants need time|Have patience]," said {fname}.
So {H} waited. The [sun shone|rain fell|days passed], and one morning there was a tiny green leaf. "Look!" {he} [cried|shouted]. [Soon|Week by week], it grew [taller and taller|as tall as {H}].
In summer, it was a [big sunflower|bush full of red berries|plant with a big orange pumpkin|tree with sweet little apples]. {^H} and {F} [sat in its shade|danced around it|were very proud of it].
"[Good things take time|It was worth the wait]," said {H}.
"""),
    ("a mysterious noise", """
One night, {H} heard a strange noise. [Tap, tap, tap.|Bump, bump, bump.|It sounded like crying.|It sounded like singing.] "[Who is there|What is that]?" {he} whispered. [Nobody answered|There was no answer].
{^H} took a [lamp|torch|candle] and [went to look|walked slowly to the door]. {^his} [knees were shaking|heart beat fast]. The noise came from [behind the door|under the stairs|outside].
There sat {aF}! "[Please do not be angry|I am sorry if I woke you]," said {F}. "I [was only looking for my {T}|am cold and hungry|cannot sleep, so I sing]."
{^H} [laughed|was so glad that {he} laughed]. "[I thought that you were a monster|You gave me a fright]," {he} said. "[Come in and have some {meal}|Let us have a cup of hot milk]."
They [sat by the fire and talked|ate and told jokes] until it was [late|morning]. After that, {H} was no longer afraid of noises in the night.
"""),
    ("a treasure map", """
One day, {H} found an old map in [a book|a bottle|the attic|a {T}]. There was a {colour} cross on it. "A treasure!" [cried|said] {H}.
{^he} showed the map to {F0}. "[Let us go and find it|We must go at once|It is near {P}]," said {F}. They packed [some {meal} and a {T2}|a rope and a lamp|a bag] and went off.
First, they [crossed a river|climbed a steep hill|walked through dark woods]. Then they [came to a cave|counted ten steps from an old tree|had to jump over a deep hole]. [It was not easy|They were tired], but they helped each other.
At last, they [dug in the ground|found the place] and pulled out a [heavy|small|dusty] box. Inside, there was [no gold|nothing but a note]. The note said, "[The treasure is the friend who came with you|Look beside you]."
They looked at each other and [laughed|smiled]. "[It is true|That is the best treasure]," said {H}.
"""),
    ("boasting", """
{^F0} [always|often] boasted. "I am [the best|the strongest|the cleverest] {inP}," {fhe} said[ every day|]. "[Nobody is as good as I am|I do not need any help]."
{^H} did not boast. {^he} only [smiled|did {his} work|helped where {he} could].
One day, {F} wanted to show how [strong|clever|brave] {fhe} was. {^fhe} [climbed up to the highest branch|tried to lift a big rock|ran across the thin ice]. But then {fhe} [could not get down|was stuck|slipped and fell].
"Help!" shouted {F}. [Everyone looked away, but {H} came at once|Only {H} heard it]. {^H} [fetched a ladder|threw {fhim} a rope|called all the others], and soon {F} was safe.
"[I was silly|I am sorry for my big words]," said {F}[ quietly|]. "[I do need help sometimes|You are the best, {dear}]." "[Everyone needs help sometimes|Nobody can do everything]," said {H}.
"""),
    ("[a wish|a star]", """
One [evening|night], {H} saw a [shooting star|bright star] over {P}. {^he} closed {his} eyes and made a wish. {^he} wished for [a friend|a {colour} {T}|a big adventure].
[The next day|In the morning], there was a [letter|small box|parcel] in front of the door. {^H} opened it[ slowly|]. Inside was a {colour} {T}[ and a note|].
"[Who sent it|Where does it come from]?" {he} wondered. {^he} followed some [footprints|tracks] in the [snow|sand|grass] until {he} came to {P2}. There was {aF}.
"I [heard your wish|saw that you were alone]," said {F}. "[I wanted to make you happy|I had the same wish]." {^H} [smiled|gave {fhim} a hug]. "[Then my wish came true|Now I have two things: a {T} and a friend]," {he} said.
"""),
    ("[snow|winter]", """
One winter morning, everything was white. It had snowed all night. "Snow!" shouted {H} and ran outside[ without breakfast|].
{^he} [made a snowball|jumped into the snow|fell down and laughed]. Then {he} began to build [a snow house|a big snow castle|a snowman with a {T}]. But it was [too much work for one|hard to do it alone].
{aF_comes} "[May I help|Can we build it together|What are you making]?" asked {F}. They [rolled|pushed] and [laughed|sang], and soon it was [as big as a house|taller than both of them].
[Their noses were red|Their feet were cold], so they went inside and had [hot chocolate|hot soup|warm milk]. "[I love winter|This is the best day of the winter]," said {H}.
?[A week later|When spring came], the snow was gone, but {H} and {F} [were still friends|did not forget it].
"""),
    ("[the sea|the beach]", """
{^H} had never seen the sea. "[How big is it|Is it true that it has no end]?" {he} asked everyone. One day, {his} {parent} said, "[Come, we will go there|Pack your bag]."
They [travelled all day|took the train|walked over the hills]. Then {H} saw it. The sea was [blue and wide|bigger than the sky|full of light]. {^he} [could not say a word|ran to the water|laughed out loud].
On the beach, {he} met {aF}. "[Look what I have found|Do you want to build a castle of sand]?" said {F}. They [collected shells|built a castle with a {T} on top|jumped over the waves] all day.
Then a big wave came and [took the castle away|carried {his} {T} away]. {^H} was [sad|sad for a moment], but {F} said, "[We will build a new one tomorrow|The sea gives and the sea takes]."
In the evening, {H} put a shell to {his} ear. "[I can hear the sea|Now I can take the sea home with me]," {he} said.
"""),
    ("[cooking|a dinner]", """
One day, {H} wanted to cook {meal} for {F0}. {^he} [had never done it before|did not read the book|was in a hurry]. {^he} took [too much salt|sugar and flour|everything that was in the kitchen] and [stirred and stirred|put it into a big pot].
Soon there was [smoke everywhere|a funny smell|a big mess]. {^F} came in and [coughed|looked around|laughed]. "[What is that|What happened here]?" asked {F}.
"I wanted to [make you happy|surprise you]," said {H}[ sadly|]. "But I [did everything wrong|burned it]." {^F} [tasted a little|took a spoon]. "[It is not so bad|Well, it is very special]," {fhe} said[ kindly|].
Then they [opened all the windows|cleaned the kitchen] and cooked together. {^F} [cut the apples|showed {him} how to do it], and {H} [stirred|washed the plates]. This time, it was [delicious|just right].
"[Cooking is more fun with a friend|The best spice is a friend]," said {H}.
"""),
    ("[a quarrel|a fight|saying sorry]", """
{^H} and {F0} were friends. But one day, they both wanted the {colour} {T}. "I saw it first!" said {H}. "No, I did!" said {F}.
They pulled [and pulled|at it from both sides] until it [broke|fell into the mud]. "[It is your fault|I do not want to see you again]!" [shouted|said] {F} and went home.
The next day, {H} [sat {inP} alone|had nobody to play with]. It was [very quiet|no fun]. {^he} thought about [{his} friend|what {he} had said]. "[A {T} is only a {T}|I miss {fname}]," {he} thought.
{^H} [mended the {T}|picked some flowers] and went to {F}. But {F} was already [at the door|on the way]. "I am sorry," they said at the same time. Then they [laughed|both had to laugh].
"[Let us never fight again|Friends first]," said {F}. And they [shared the {T}|played together again] as before.
"""),
    ("the moon", """
Every night, {H} looked at the moon. "[It must be lonely up there|I want to touch it]," {he} said. {^he} [took a long ladder|climbed the highest hill|stood on a tall chair], but the moon was still too far away.
{aF_saw} "[What are you doing up there|Are you looking for something]?" asked {fname}. "I want to [say good night to the moon|bring the moon a {colour} {T}]," said {H}.
{^F} thought for a moment. "[Come with me|I know a way]," {fhe} said. They walked to [the lake|the pond|the river]. There, in the dark water, was the moon, [round and bright|as close as could be].
{^H} [touched the water with one finger|bent down], and the moon [danced|smiled back at {him}]. "[Good night, moon|Now it is not alone]," {he} whispered.
"""),
    ("a robot", """
One day, {H} found an old robot {inP}. It was [rusty|covered with leaves] and did not move. "[Poor robot|I will make you well again]," said {H}.
{^he} took {him_home}, cleaned it and put in a new [battery|wheel|screw]. [Click|Beep], went the robot. It opened its {colour} eyes. "Hello," it said. "[Who are you|What is my name]?"
"I am your friend," said {H}. "What is a friend?" asked the robot. {^H} [thought about it|did not know how to explain it]. "[A friend is somebody who helps you|I will show you]," {he} said.
Some days later, {H} was [ill and had to stay in bed|sad because {his} {T} was broken]. The robot [brought {him} some {meal}|sat beside {him} all day and told {him} stories].
"[Now I know what a friend is|Is this what a friend does]," said the robot. "[Yes|It is]," said {H}. "That is just what it is."
"""),
    ("music", """
One day, {H} heard music {inP}. It was [soft and sad|quick and merry|the most beautiful music in the world]. {^he} followed the sound until {he} saw {aF} with [a flute|a drum|a violin|a guitar].
"[That is wonderful|Please do not stop]," said {H}. But {F} [stopped at once|looked away]. "[I only play when I am alone|I am too shy to play for others]," {fhe} said.
"Then [let me sing with you|close your eyes and play for me]," said {H}. First {F} played very [softly|quietly]. But then {H} began to [sing|dance|clap], and the music grew [louder and happier|stronger].
One after the other, [the birds|the children|the animals] came to listen. When {F} opened {fhis} eyes, [everyone clapped|there was a big crowd]. {^F} [turned red|smiled from ear to ear].
"[Music is like bread|You see]," said {H}. "[It is best when you share it|It was too good to keep it for yourself]."
"""),
    ("a boat", """
{^H} built a little boat out of [wood|old boxes|sticks and leaves]. {^he} painted it {colour} and put a [flag|{T}] on it. "[Now I can see the world|I will sail to the island]," {he} said.
{^F0} [shook {fhis} head|wanted to come, too|was standing by the water]. "[Is it safe|Will it not sink]?" asked {F}. "[Of course not|Trust me]," said {H}, and off they went.
In the middle of the [lake|river], water came in. First it was a little, then a lot. "[We are sinking|Oh dear]!" cried {F}. {^H} [took off {his} hat and scooped|looked for a hole]. {^F} [put {fhis} foot on the hole|paddled as fast as {fhe} could].
[Wet and laughing|Tired and wet], they came back to land. "[The world is still there tomorrow|Next time I will use more glue]," said {H}. "[And next time I will bring a bucket|I will come with you again]," said {F}.
"""),
    ("a kite", """
It was a windy day. {^H} took {his} {colour} kite and ran [outside|out into the open]. The kite flew [high up|up and up], [almost to the clouds|higher than the trees].
Then [the string broke|a strong wind came], and the kite [flew away|landed in the top of a tree]. {^H} [jumped and jumped|tried to climb up], but {he} could not [reach|get] it.
{aF_comes} "[I can help you|I have an idea]," said {F}. {^F} [fetched a long stick|climbed on {his} shoulders|called the wind by whistling], and [bit by bit|a moment later] the kite came down.
It had a [hole|small hole], but they mended it with [a leaf|some paper and glue]. Then they let it fly again, and each of them held the string for a while. "[Look how high it is|It is dancing]!" shouted {F}.
"""),
    ("being small", """
{^H} [was smaller than all the others|was the smallest of all]. "You are too small to play with us," said the others. That made {him} [sad|very sad].
One day, {F_es} {T} fell into a [deep, narrow hole|narrow gap between two rocks]. [Everyone tried to get it|The big ones tried first], but they were all too big. {^F} [began to cry|did not know what to do].
"I can do it," said {H}[ in a small voice|]. {^he} [crept into the hole|made {himself} thin and went in]. It was dark, but {he} was not afraid. [A moment later|Soon], {he} came back with the {T}.
"[Hurray|Well done], {dear}!" shouted [everyone|all the others]. From then on, nobody said that {H} was too small. "[Small can be just right|Everybody is good at something]," said {F}.
"""),
    ("[being impatient|patience|waiting]", """
{^H} could not wait. When there was [soup, {he} burned {his} mouth|a present, {he} opened it too early|a queue, {he} pushed to the front]. "[Have patience|All in good time]," said {his} {parent}, but {he} did not listen.
One day, {he} found [an egg|a small, round egg] {inP}. "What is inside?" {he} [asked|wondered]. {^he} wanted to [shake it|open it], but {F0} said, "[Wait, or you will hurt it|No! You must keep it warm and wait]."
So {H} waited, [one day, two days, three days|day after day]. It was very hard. {^he} [sat next to it and read a book|kept it warm with a {T_soft}|sang to it].
Then there was a small [crack|sound]. The egg opened, and out came a [yellow chick|tiny duck|baby bird]. It looked at {H} and said, "Peep!" {^H} was [full of wonder|so happy that {he} forgot everything else].
"[Waiting was the hardest thing I ever did|Some things cannot be hurried]," {he} said. "And it was worth it."
"""),
    ("[telling the truth|honesty|lying]", """
One day, {H} [told everyone that there was a monster {inP}|said that {he} had seen a monster]. [Everyone was afraid|They all ran away]. {^H} laughed. "It was only a joke," {he} said.
The next day, {he} did it again. [Everyone came running, and again there was nothing|Nobody laughed this time]. "[We do not believe you any more|That is not funny]," said {F0}.
Then {H} [fell into a hole|got {his} foot stuck] {inP2}. "Help! Help!" {he} shouted. But everyone thought that it was [a joke|another joke]. [It grew cold and dark|The hours went by].
In the end, {F} came to look. "[I was not sure, but I came anyway|I was worried about you]," said {F} and pulled {him} out. "[I will never lie again|From now on I will only tell the truth]," said {H}. And {he} kept {his} word.
"""),
    ("a lonely giant", """
Near {P} there lived a giant. Everyone was afraid of him because [he was so big|his voice was so loud]. But {H} [was curious|had heard him crying at night].
One day, {he} [went up to his door|took a {colour} {T} as a present] and knocked. The ground shook. "WHO IS THERE?" [called|asked] the giant. "It is only me, {me}," said {H}. "[Why do you cry at night|I have brought you a present]."
The giant [sat down|bent down]. "[Nobody ever visits me|They all run away from me]," he said. "[I only want somebody to talk to|I would not hurt a fly]."
So {H} [came every week|told him stories], and soon {he} brought {F0} and [all the others|many more]. The giant [let them ride on his shoulders|lifted them up so that they could see the sea].
"[He is big, but his heart is even bigger|How could we be afraid of him]," said {F}.
"""),
    ("[a market day|kindness]", """
On market day, {H} wanted to buy a {colour} {T}. {^he} had [three coins|five coins] in {his} pocket, and {he} had saved them for [weeks|a whole year].
On the way, {he} met {aF} who [was sitting by the road|looked very hungry]. "I have [had nothing to eat since yesterday|lost all my money]," said {F}. {^H} looked at {his} coins. {^he} thought of the {T}.
Then {he} [bought some bread and gave it to {F}|put the coins into {F_es} hand]. "Thank you," said {F}. "[I will not forget it|One day I will pay you back]." {^H} went home with empty hands[, but with a light heart|].
[A month later|When summer came], there was a knock at the door. It was {F}, and {fhe} was holding a {colour} {T}. "[I made it for you|This is for you]," said {F}. "[You helped me when I had nothing|Kindness comes back]."
"""),
    ("a fire-breathing problem", """
There was a [young|small] dragon {inP} who could not breathe fire. When he tried, only [bubbles|flowers|a bit of smoke] came out. The other dragons [laughed|made fun of him].
{^H} [met him by chance|heard the laughing and came closer]. "[Do not listen to them|I like it]," {he} said. "[Fire is dangerous|Everyone can make fire], but [what you do is special|nobody else can do this]."
Together they [practised|walked through {P}]. [The children loved it|Wherever they went, people smiled]. One day, there was a real fire {inP2}. The other dragons could only make it [bigger|worse].
"[Now it is your turn|Go on, you can do it]," said {H}. The little dragon [took a deep breath and blew|blew as hard as he could], and the fire went out. Everyone [cheered|was saved].
"[Being different is not bad|You were right], {dear}," said the dragon. He was [proud and happy|never sad about it again].
"""),
    ("[going to sleep|bedtime|sleep]", """
It was late, but {H} could not sleep. {^he} [turned left and turned right|counted sheep|looked at the ceiling]. "[I am not tired|Sleep does not want to come]," {he} said.
{^he} [got up and went to the window|drank some water]. Outside sat {aF}. "[Can you not sleep, either|Why are you awake]?" asked {F}. "[My head is too full|I think too much]," said {H}.
"Then [tell me what is in it|let us put the thoughts away]," said {F}. So {H} talked about [the day|{his} {T}|tomorrow]. {^F} listened and [nodded|hummed a quiet song]. [Word by word|Little by little], {H} grew [calm|tired].
[The moon shone on {his} face|The wind sang softly]. "[Good night|Sleep well]," said {F}. But {H} [did not answer|was already asleep].
"""),
    ("school", """
It was the first day of school, and {H} was [nervous|excited and a little afraid]. {^he} [held {his} {colour} {T} tight|did not want to let go of {his} {parent_s} hand]. "[What if nobody likes me|What if I do not know anything]?" {he} asked.
"[Everyone feels like that on the first day|It will be fine]," said {his} {parent}. In the classroom, {H} sat down next to {aF}. {^F} was [very quiet|shaking a little].
"[Are you afraid, too|Is it your first day, too]?" whispered {H}. {^F} nodded. "[Then we can be afraid together|I have a {T}. Do you want to see it]," said {H}. {^F} [smiled for the first time|began to laugh].
They learned [to count|a song|the first letters], and the day went by [like the wind|very quickly]. "[How was it|Was it bad]?" asked {his} {parent} in the evening. "[I want to go again tomorrow|It was great]!" said {H}.
"""),
    ("[a picture|painting]", """
{^H} wanted to paint a picture of {P}. But {he} had only one colour, and that was {colour}. So the trees were {colour}, the sky was {colour}, and even the [sun|river] was {colour}.
"[What is that supposed to be|Trees are not {colour}]," said [the others|some people] and laughed. {^H} wanted to [throw it away|tear it up]. Then {F0} [came and looked at it for a long time|picked it up].
"[I like it|It is beautiful]," said {F}. "It [looks like a dream|makes me feel warm]. May I [have it|keep it]?" {^H} [could not believe it|was surprised]. "[Do you mean it|Really]?" {he} asked.
{^F} hung the picture [over {fhis} bed|on {fhis} wall]. Soon others wanted one, too. {^H} painted [all day|one picture after the other], and every one was {colour}.
"[You do not need many colours|It is good to be different]," said {F}.
"""),
    ("a lost friend", """
{^H} and {F0} [met every morning|always played together] {inP}. But one morning, {F} did not come. {^H} waited [and waited|for hours]. [That was strange|Something was wrong].
{^he} [went to {F_es} home|asked everyone {he} met]. "[I have not seen {fname} since yesterday|Perhaps {fhe} went to {P2}]," said an old [owl|neighbour|woman|man]. So {H} went [there|on].
On the way, {he} found {F_es} {colour} {T} on the ground. "[I am on the right way|This is a clue]," {he} thought. {^he} called [loudly|again and again]. At last, {he} heard a weak voice from [behind a rock|under a fallen tree].
"[I knew that you would come|You found me]!" said {F}. {^fhe} had hurt {fhis} foot. {^H} [carried {fhim} home|made a seat of branches and pulled {fhim} home], and for two weeks {he} brought {fhim} {meal} every day.
"[You would do the same for me|That is what friends are for]," said {H}.
"""),
    ("[magic|a magic thing]", """
One day, {H} found a [strange|dusty|shiny] {colour} {T} {inP}. When {he} touched it, it began to [glow|hum|shake]. "You have one wish," said a [tiny|deep|soft] voice.
{^H} thought hard. {^he} could wish for [gold|a castle|a mountain of sweets]. But then {he} saw {F0}. {^F} was [ill|sad|very tired], and nobody could help {fhim}.
"I wish that {F} is well and happy again," said {H}. There was [a flash of light|a sound like a bell], and {F} [stood up|opened {fhis} eyes] and smiled. "[What happened|I feel so well]," said {F}.
The {T} was just a {T} again. "[Are you sad that the magic is gone|Did you not want anything for yourself]?" asked {F} [later|when {fhe} heard about it]. "No," said {H}. "[You are here. That is enough|I got what I wanted]."
"""),
    ("flying", """
{^H} wanted to fly. {^he} [tied leaves to {his} arms|built wings of paper|jumped from a small wall], but each time {he} landed on the ground with a bump.
"[What are you doing|Did that hurt]?" asked {F0}. "I want to see {P} from above," said {H}. {^F} [thought for a while|scratched {fhis} head]. "[I have an idea|We need a balloon]," {fhe} said.
They worked [for three days|day and night]. They took a big basket, a lot of {colour} cloth and [a small fire|hot air]. On the fourth day, the balloon was ready. "[Hold on|Here we go]!" called {F}.
Up they went, over [the roofs|the trees] and over {P}. Everything was [tiny|as small as toys]. {^H} [held {F_es} hand|could hardly speak]. "[It is more beautiful than I thought|I am flying]!" {he} said.
When they came down, they were [hungry and happy|cold but happy]. "Where shall we fly tomorrow?" asked {F}.
"""),
    ("[being kind|a grumpy neighbour]", """
Next to {H} lived {aF} who was always grumpy. "[Be quiet|Go away]!" {fhe} shouted whenever {H} [laughed|played outside]. Everyone [stayed away|was afraid of {fhim}].
But {H} thought, "[Perhaps nobody is ever nice to {fhim}|There must be a reason]." So {he} [put some {meal}|laid a flower] in front of {F_es} door every morning and ran away.
[On the seventh day|After a week], the door opened. "So it is you," said {F}. {^H} [was afraid|wanted to run]. But {F} was not angry. "[Nobody has been so kind to me for years|Come in]," {fhe} said.
{^F} showed {him} a {colour} {T}. "[It belonged to my best friend, who moved far away|I have had it since I was young]," said {F}. "[Since then I have been alone|I had forgotten how to laugh]."
"[You are not alone now|I will help you to remember]," said {H}. And from that day on, there was [laughing|music] in both houses.
"""),
    ("a rainy day", """
It had been raining [all day|since the morning], and {H} was bored. {^he} [looked out of the window|counted the drops on the window|walked up and down]. "[There is nothing to do|When will it stop]?" {he} said.
{aF_comes} {^fhe} was [dripping|wet], but {fhe} was smiling. "[Why are you smiling in this weather|Do you not mind the rain]?" asked {H}. "[Rain is only water that wants to play|I have an idea]," said {F}.
They [took all the blankets and built a castle under the table|made boats out of paper and let them sail in the puddles|put pots under the hole in the roof and made music with the drops]. {^H} was the [captain|king of the castle|leader], and the {T} was [the treasure|the flag].
They [did not even notice|forgot the time, and nobody saw] that the rain had stopped. "[Oh no, the sun is shining|What a pity, the rain is over]," said {H}[, and then they both laughed|]. "[I hope that it rains again tomorrow|Next time it can rain all week]."
"""),
    ("an echo", """
{^H} was walking in the mountains. "Hello!" {he} called, and somebody called back, "Hello!" "[Who are you|Where are you]?" shouted {H}. "[Who are you|Where are you]?" came the answer.
"[You are silly|Stop that]!" cried {H}. "[You are silly|Stop that]!" cried the voice. {^H} was [angry|very angry] and [stamped {his} foot|went home].
{^he} told {aF} about it. "[There is somebody rude in the mountains|The mountain is not nice to me]," said {H}. {^F} [smiled|thought for a while]. "[Go back and say something kind|Try it with a friendly word]," said {F}.
The next day, {H} went back. "[I like you|You are my friend]!" {he} called, a little shy. "[I like you|You are my friend]!" came the answer, soft and clear. {^H} [laughed|smiled all the way home].
"[It always gives you what you give|Now I understand]," {he} said. "[The mountain is nice after all|I only heard myself]."
"""),
    ("a picnic", """
{^H} and {F0} wanted to have a picnic {inP}. They took {meal}, a blanket and {his} {colour} {T}. But when they opened the basket, it was [empty|almost empty]!
"[Who ate our food|Where is it]?" asked {F}. {^H} [looked under the blanket|turned the basket round]. There was a [small hole|hole] in it, and a long line of [crumbs|little bits] went back along the path.
They followed the [crumbs|line]. Behind every [stone|bush], somebody was eating. There was [a mouse with a piece of cake|a bird with some bread], and [three ants carried an apple|a squirrel had found the nuts].
"[We are sorry|We thought that it was for us]," said the animals. {^F} [wanted to be angry|opened {fhis} mouth and closed it again]. Then {H} began to laugh. "[So it is a picnic for everyone|What a big party]," {he} said.
They all sat down {inP} together. Everyone [brought something|shared what was left], and in the end there was [more than enough|more than before].
"""),
    ("a letter", """
{^H} wanted to have a friend far away. So {he} wrote a letter. "[Dear friend, I am {me}, and|Hello, whoever you are,] [I live {home}|I love {hobby}]. [Please write to me|Who are you]." {^he} put it into a bottle and threw it into the [river|sea].
[Days|Weeks] went by. Every morning, {H} [went to the water|looked for an answer], but there was nothing. "[Perhaps it sank|Nobody will ever find it]," {he} said[ sadly|].
Then one day, something {colour} came with the waves. It was a bottle, and in it was a [letter|note] and a little {T}. "[Hello, I found your letter|Dear {K}, I was so glad to read your letter]," it said. "I am {faH} and I live {fhome}."
{^H} read it [three times|again and again] and [ran home to write back|danced on the sand]. From then on, a bottle went [to and fro|back and forth] every [month|week].
And one summer, there was a knock at the door. "[I did not want to wait for the bottle any more|I thought I would bring my letter myself]," said {F}.
"""),
    ("a mirror", """
One day, {H} found a mirror {inP}. {^he} had never seen one before. When {he} looked into it, there was another {K}! "[Who are you|What do you want]?" asked {H}, but the other one only [moved its mouth|looked back].
{^H} [frowned|made an angry face], and the other one [frowned, too|made an angry face, too]. "[That one is not friendly|It wants to fight with me]," {he} told {F0}. "[Come and see|You have to help me]."
{^F} looked into the mirror[ and jumped back|]. "[There are two of them now|I see somebody, too, but it is not the one that you saw]!" {fhe} said. [They hid behind a tree|They did not dare to move].
Then {H} [had to laugh because {F} looked so funny|put {his} hand up to wave]. The one in the mirror [laughed|waved], too. [Slowly, they understood|It took them a while to understand]. "[It is me|That is us]!" said {H}.
They [made funny faces until it was dark|took the mirror home]. "[If you smile, it smiles|You only have to smile first]," said {F}.
"""),
    ("a light in the fog", """
There was thick fog {inP}. {^H} could not see {his} own feet. [Somewhere, a bell rang|Everything was quiet]. "[I hope that nobody is out there|In such weather, one should stay at home]," {he} thought.
Then {he} heard a voice. "[Is anybody there|Can somebody hear me]?" it called. It was {aF} who [had lost the way|did not know where to go]. "[Stay where you are|Do not move]!" called {H}. "[There is deep water in front of you|I will bring you a light]."
{^H} took a lamp and [climbed onto the roof|stood at the door]. But the light was [too weak|too small]. So {he} [put a mirror behind it|held {his} {colour} {T} in front of it], and suddenly the fog was [golden|full of {colour} light].
Step by step, {F} [walked towards the light|came closer]. "[Your light was the most beautiful thing that I have ever seen|I was so afraid]," said {F}.
Since then, {H} has put a light in the window [whenever there is fog|every night]. "[Somebody may need it|You never know who is on the way]," {he} says.
"""),
    ("a secret", """
{^F0} told {H} a secret. "[Do not tell anyone|You must promise to keep it]," said {F}. "I promise," said {H}. But the secret was [big|heavy], and {H} [wanted so much to tell it|could hardly sleep].
{^he} met [a duck|an old man|a girl] {inP}. "[Do you know something|What is it]?" {H} was asked. {^H} [shut {his} mouth tight|shook {his} head and ran away].
In the end, {he} dug a hole in the ground and whispered the secret into it. That felt [good|much better]. But [the wind heard it|the grass heard it], and soon all the leaves whispered, "{^F} is [afraid of the dark|making a present for everyone|learning to dance]."
{^H} went to {F} with a red face. "[I only told the ground|I am so sorry]," {he} said. {^F} looked [at the trees|around]. Then {fhe} began to laugh. "[Now I do not have to hide it any more|It was not a good secret anyway]," said {F}.
"""),
    ("a train", """
{^H} sat in a train for the first time. [Outside, the fields flew by|The train went clack, clack, clack]. {^he} held {his} {colour} {T} and looked [out of the window|at all the people].
Across from {him} sat {aF} with a very big [bag|box]. "[Where are you going|Is it far]?" asked {H}. "[To the last station|As far as the train goes]," said {F}. "[I want to see where the rails end|Nobody has ever told me what is there]."
They [shared some {meal}|played a game with words|counted the cows]. [One by one, the others got out|It grew dark outside]. At last, the train stopped. "Last station!" called the [driver|old man at the door].
They got out and looked. There was [the sea|a meadow full of flowers], and the moon was [shining on it|high in the sky]. "Look what I have brought," said {F}. It was [a tent|a little boat]. "[It is for two|I always hoped that somebody would come with me]," said {fname}.
"""),
    ("doing nothing", """
One day, {H} wanted to do nothing at all. {^he} [lay down in the grass|sat down on a stone] {inP} and [closed {his} eyes|looked at the clouds].
{aF_comes} "[What are you doing|Are you ill]?" asked {F}. "Nothing," said {H}. "How do you do [nothing|that]?" asked {F}. "[You lie down and wait|It is not so easy]," said {H}. So {F} [lay down, too|sat down beside {him}].
For a while, they heard only [the wind|the bees]. A [beetle|snail] walked over {H_s} foot. A cloud looked like [a {T}|a big ship], and another one like [a sheep|an old king]. [The sun moved a little|The shadows grew long].
"[That was the best nothing that I ever did|We did a lot of nothing today]," said {F} in the evening. "[Shall we do it again tomorrow|Let us do it again]."
"""),
    ("a hat", """
{^H} had a {colour} hat, and {he} was very proud of it. One day, a [strong wind|gust of wind] took it [from {his} head|away]. {^H} ran after it, [over the bridge|through the gate] and [down the hill|across the field], but the hat was faster.
It flew [over {P}|over the trees] and came down [in a tree|far away]. When {H} got there at last, a little bird was sitting in it! "[This is the best nest in the world|I have never had such a good bed]," it sang.
{^H} wanted to [say that it was {his} hat|take it back]. But then {he} saw [three small eggs|how happy the other one was]. {^he} [thought about it|scratched {his} head, which was now a little cold].
"[It suits you better|You may keep it]," said {H}. And when {he} came home without a hat, {his} {parent} [knitted {him} a new one|gave {him} a warm scarf]. It was even more {colour} than the old one.
"""),
    ("being different", """
All the others {inP} were [loud|quick], but {H} was [quiet|slow]. "[Why are you not like us|You will never be like us]," they said. {^H} tried to be [like them|the same], but it [never worked|made {him} tired].
One evening, {he} sat beside {F0}. "[Why am I not like them|What is wrong with me]?" asked {H}. {^F} pointed up. "[Look at the stars|Which of the stars is wrong]," {fhe} said. "[Some are bright and some are not, but all of them make the night|Each one stands in its own place]."
The next day, [a child was lost|somebody had lost a little {T}] {inP2}. The others [ran here and there and shouted|looked quickly everywhere], but they found nothing. {^H} [went slowly and listened|looked at every blade of grass]. And {he} found [what they were looking for|it].
"[How did you do that|Can you teach us]?" asked the others. {^H} smiled. "[You only have to be a little more like me|Come, I will show you]," {he} said.
"""),
]  # fmt: skip

# Very short stories: the friend and the thing come and go in a few sentences.
BRIEF = """
One day, {H} met {aF} {inP}. "Hello, {fdear}," said {H}. "I am {me}." {^H} and {F} [played together|talked until it was dark|ate {meal}].
{^H} found a {colour} {T} {inP} and gave the {T} to {aF}. "[Thank you for the {T}|What a nice {T}], {dear}," said {F}. {^F} [put the {T} in a {T2}|took the {colour} {T} home].
{^H} and {F0} went to {P2}. There they saw a {colour} {T}. "[Look, a {T}|This {T} is mine]!" said {F}. {^H} [laughed|did not like the {T}], but {F} [did|kept the {T}].
{^H} was looking for {aF}. "Where is {fname}?" {he} asked. At last, {H} found {F} {inP}. {^F} was [asleep|under a {T}|eating {ffood}].
{^H} lost a {colour} {T}. {^he} looked {inP} and {inP2}. Then {F0} brought the {T} back. {^H} thanked {F} and [kept the {T} for ever|gave {F} some {food}].
{^F0} was [sad|ill|alone]. {^H} went to {F} with some {ffood} and a {T}. "Do not be sad, {fdear}," said {H}, "the {T} is for you." {^F} smiled at {H}.
""".strip().split("\n")

# Ways in which the friend can come into a story that has not met them yet.
ENTRANCES = {
    "aF_comes": "[Then {aF} came by.|Just then, {aF} came along the road.|{^aF} saw {him} and stopped.|Soon {aF} came to see what was going on.]",
    "aF_there": "There {he} saw {aF} who",
    "aF_heard": "{^aF} heard {him}.",
    "aF_saw": "{^aF} saw {him}.",
    "aF_laughed": "{^aF} looked over the fence and laughed.",
}
